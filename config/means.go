package config

import (
	"slices"
	"strings"
)

// called are words that other programs have for a setting, by what it is called here: those of Telegraf, Prometheus, Home Assistant,
// Chainlink, Node-RED, Compose and their like. A word counts only where such a setting is, and no other one of that name.
var called = map[string]string{
	// sources and what they ask
	"every":           "interval poll polling pollinterval pollperiod pollrate scrapeinterval scaninterval updateinterval refresh refreshinterval period frequency cadence schedule cron rate sampling heartbeat observationfrequency",
	"url":             "endpoint address addr uri urls link resource target href host hostname baseurl apiurl webhookurl callback callbackurl",
	"timeout":         "timeoutms timeoutseconds timeoutsec scrapetimeout requesttimeout responsetimeout httptimeout readtimeout",
	"connect_timeout": "dialtimeout connectiontimeout",
	"method":          "verb httpmethod requestmethod",
	"body":            "payload requestbody postdata",
	"query":           "params queryparams parameters querystring",
	"basic":           "auth basicauth authentication credentials httpauth login",
	"bearer":          "token accesstoken bearertoken authtoken bearertokenfile",
	"user":            "username login",
	"password":        "pass pwd passphrase",
	"oauth2":          "oauth oidc clientcredentials tokenauth",
	"pages":           "pagination paging paginate pager",
	"rate":            "ratelimit throttle maxrate limiter requestspersecond",
	"revalidate":      "etag conditional ifnonematch cache caching",
	"redirects":       "followredirects followredirect maxredirects",
	"max_size":        "maxbytes maxbodysize limit maxlength bodysizelimit",
	"proxy":           "httpproxy httpsproxy allproxy proxyurl proxyfromenvironment",
	"ca":              "cacert cacerts cafile tlsca rootca capath certificateauthority truststore",
	"tls":             "tlsconfig ssl clientcert clientcertificate",
	"cert":            "certfile tlscert certificate clientcert",
	"server_name":     "name servername sni tlsname tlsservername certificatehost certificatename",
	"path":            "file files filename filepath name location glob",
	"format":          "dataformat type mode encoding parser",
	"expect":          "expectevery watchdog",
	// points
	"pointer": "path jsonpath jsonpointer selector field key ptr query jsonquery valuetemplate expression jq property",
	"scale":   "multiplier factor multiply gain slope ratio",
	"offset":  "bias intercept add delta",
	"unit":    "units unitofmeasurement uom slave slaveid slaveaddress station unitid",
	"time":    "timestamp ts timestamppath timekey jsontimekey timefield",
	"where":   "filter match if when guard condition select",
	"enum":    "mapping map lookup values states valuemap",
	"item":    "topic nodeid channel",
	// devices
	"address":  "host ip addr ipaddress hostport server endpoint",
	"unit_id":  "slave slaveid slaveaddress unit station",
	"holding":  "register holdingregister holdingregisters hr address",
	"input":    "inputregister inputregisters ir",
	"coil":     "coils coilstatus",
	"discrete": "discreteinput discreteinputs inputstatus",
	"order":    "byteorder wordorder endianness endian swap byteswap wordswap",
	"type":     "datatype dtype format valuetype",
	"baud":     "baudrate speed bps bitrate",
	"parity":   "paritybit",
	"gap":      "maxgap fill maxfill",
	// feeds
	"from":     "sources source inputs input observers providers uses",
	"need":     "threshold minimum min minanswers minresponses minsources minsubmissions minimumanswers quorum required atleast",
	"combine":  "aggregation aggregate aggregator aggregationmethod reducer function func method strategy agg",
	"decimals": "precision digits places decimalplaces dp",
	"outliers": "maxdeviation tolerance outlier maxoutlier outlierthreshold maxspread",
	"stale":    "maxage staleness ttl expiry validity stalenessthreshold stalelimit expireafter",
	"deadline": "timeout wait maxwait roundtimeout",
	"kind":     "type datatype valuetype",
	"labels":   "options names",
	"params":   "parameters args arguments env config",
	// sinks
	"feeds":         "feed answers pairs topics from sources",
	"deviation":     "deviationthreshold threshold changethreshold minchange",
	"heartbeat":     "heartbeatinterval maxinterval keepalive idletime",
	"give_up":       "retries maxretries attempts maxattempts",
	"rpc":           "rpcurl rpcurls rpcendpoint rpcendpoints endpoint endpoints url urls node nodes provider providers httpurl httpurls",
	"rpc_secret":    "rpcurlsecret",
	"contract":      "contractaddress feedaddress address to oracle",
	"key":           "privatekey wallet account signer keystore keyfile signingkey signaturekey secretkey fromkey",
	"max_fee":       "maxgasprice gasprice maxfeepergas maxprice",
	"max_tip":       "maxpriorityfee maxpriorityfeepergas tip priorityfee",
	"gas":           "gaslimit",
	"confirmations": "blockconfirmations finality finalitydepth confirms",
	"secret":        "signingsecret hmac hmacsecret hmackey webhooksecret key token",
	"headers":       "header httpheaders requestheaders extraheaders",
	// the node
	"listen":  "port bind host addr address listenaddress bindaddress httpport",
	"tokens":  "auth apikeys bearer apitokens accesstokens keys",
	"level":   "verbosity loglevel severity",
	"data":    "datadir datapath directory dir storage folder home",
	"memory":  "memorylimit mem maxmemory ram",
	"name":    "id nodename hostname nodeid",
	"members": "signers validators nodes participants oracles",
	"k":       "threshold f minimum",
	"bytes":   "size maxbytes limit",
	"age":     "maxage ttl retention keep",
	"trust":   "trustfile trustedkeys keys",
	// the two-line form
	"endpoint":      "url uri link",
	"signature_key": "key privatekey signingkey secretkey",
	"value":         "pointer path jsonpath jsonpointer selector field",
	// sections
	"sources": "inputs datasources jobs tasks sensors devices scrapeconfigs providers observers",
	"feeds ":  "streams oracles values answers aggregates series",
	"sinks":   "outputs targets destinations receivers publishers exporters remotewrite",
	"log":     "logging logger logs",
	"api":     "server web rest listen listener",
	"node":    "agent global general instance settings config self",
	"journal": "storage database db store persistence jetstream nats",
	"modules": "plugins wasm module scripts transforms",
	"anchor":  "anchoring merkle commit",
	"network": "cluster quorum chain",
}

// means returns which of the known settings a word stands for elsewhere.
func means(word string, known []string) (out []string) {
	bare := strings.NewReplacer("-", "", "_", "", " ", "", ".", "").Replace(strings.ToLower(word))
	for _, setting := range known {
		words := strings.Fields(called[setting])
		if isSectionKey(known) {
			words = append(words, strings.Fields(called[setting+" "])...)
		}
		if slices.Contains(words, bare) {
			out = append(out, setting)
		}
	}
	for first, other := range map[string]string{"address": "listen", "unit_id": "unit"} { // whom to call goes before where to be called
		if slices.Contains(out, first) {
			out = slices.DeleteFunc(out, func(setting string) bool { return setting == other })
		}
	}
	return out
}

// isSectionKey reports whether keys are those of a file.
func isSectionKey(known []string) bool { return slices.Contains(known, "sinks") }

// said are words that people write for one that is taken, by that one.
var said = map[string]string{
	"warn": "warning", "error": "err critical fatal panic", "debug": "trace verbose all", "info": "information notice normal",
	"text": "plain console human logfmt", "json": "jsonl structured",
	"mean": "avg average arithmetic", "median": "mid middle medianizer", "min": "minimum lowest least", "max": "maximum highest greatest",
	"majority": "mode vote voting plurality", "number": "float double decimal int integer numeric fixed uint256", "bool": "boolean binary switch", "enum": "enumeration category string text",
	"latest": "last newest current", "all": "every each", "every": "all each",
	"strict": "fsync sync always", "batch": "async nosync",
	"document": "json whole", "lines": "jsonl ndjson line tail stream log",
	"start": "begin beginning first earliest", "end": "tail last latest",
	"none": "no false never off disabled", "any": "yes true all follow always", "same-host": "samehost sameorigin",
	"observe": "observer collect read", "validate": "validator", "deliver": "delivery push", "serve": "server web ui",
	"record": "full", "answer": "short value",
	"delete": "remove rm unlink", "move": "rename archive", "keep": "leave none stay",
}

// meantWord returns which of the words that are taken somebody meant, or "".
func meantWord(got string, want []string) string {
	bare := strings.NewReplacer("-", "", "_", "", " ", "").Replace(strings.ToLower(got))
	for _, w := range want {
		if strings.EqualFold(w, got) || slices.Contains(strings.Fields(said[w]), bare) {
			return w
		}
	}
	return ""
}

package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/dodona-oracle/dodona/internal/strict"
)

// called are words that other programs have for a setting, by what it is called here: those of Telegraf, Prometheus, Home Assistant,
// Chainlink, Node-RED, Compose and their like. A word counts only where such a setting is, and no other one of that name.
var called = map[string]string{
	// sources and what they ask
	"every":           "interval poll polling pollinterval pollperiod pollrate scrapeinterval scaninterval updateinterval refresh refreshinterval period frequency cadence schedule cron rate sampling heartbeat observationfrequency",
	"url":             "endpoint address addr uri urls link resource target href host hostname ip ipaddress server servers broker brokerurl brokeraddress serverurl serveruri baseurl apiurl webhookurl callback callbackurl",
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
	"address":   "host hostname ip addr ipaddress hostport server endpoint url uri",
	"unit_id":   "slave slaveid slaveaddress unit station",
	"holding":   "register holdingregister holdingregisters hr address",
	"input":     "inputregister inputregisters ir",
	"coil":      "coils coilstatus",
	"discrete":  "discreteinput discreteinputs inputstatus",
	"order":     "byteorder wordorder endianness endian swap byteswap wordswap",
	"type":      "datatype dtype format valuetype",
	"baud":      "baudrate speed bps bitrate",
	"data_bits": "bytesize wordlength charsize characterlength",
	"parity":    "paritybit",
	"database":  "db dbname databasename catalog initialcatalog",
	"watermark": "trackingcolumn cursor incremental incrementalcolumn key",
	"community": "communitystring",
	"registers": "tags points items fields",
	"nodes":     "tags points items variables nodeids",
	"oids":      "tags points items fields gets objects",
	"groups":    "tags points items groupaddresses exposes",
	"dpt":       "type datatype dptype datapointtype valuetype",
	"oid":       "id objectid object",
	"gap":       "maxgap fill maxfill",
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

// calledBeside are such words for settings whose name others have too, where another setting says which they are.
var calledBeside = []struct{ setting, beside, words string }{
	{"endpoint", "nodes", "url uri address addr host hostname ip ipaddress server serverurl endpointurl discoveryurl"},
	{"gateway", "groups", "address addr host hostname ip ipaddress server interfaceaddress"},
	{"device", "baud", "port serialport tty comport com devicename devicepath path"},
	{"address", "dpt", "groupaddress ga group stateaddress"},
	{"id", "field", "nodeid node identifier"},
	{"query", "watermark", "sql statement select"},
}

// means returns which of the known settings a word stands for elsewhere.
func means(word string, known []string) (out []string) {
	bare := bareWord(word)
	for _, setting := range known {
		words := strings.Fields(called[setting])
		if isSectionKey(known) {
			words = append(words, strings.Fields(called[setting+" "])...)
		}
		for _, b := range calledBeside {
			if b.setting == setting && slices.Contains(known, b.beside) {
				words = strings.Fields(b.words) // and nothing else
			}
		}
		if slices.Contains(words, bare) {
			out = append(out, setting)
		}
	}
	for first, other := range map[string]string{"address": "listen", "unit_id": "unit", "watermark": "key"} { // whom to call goes before where to be called
		if slices.Contains(out, first) {
			out = slices.DeleteFunc(out, func(setting string) bool { return setting == other })
		}
	}
	return out
}

func bareWord(word string) string {
	return strings.NewReplacer("-", "", "_", "", " ", "", ".", "").Replace(strings.ToLower(word))
}

// within says which setting has within its value what others write under a key of its own.
func within(key string, n *strict.Node, known []string) (hint string) {
	switch bareWord(key) {
	case "port", "tcpport", "udpport", "serverport", "brokerport":
		i := slices.IndexFunc(hosts, func(of host) bool { return slices.Contains(known, of.setting) })
		if i < 0 || hosts[i].setting == "url" && slices.Contains(known, "listen") || slices.Contains(known, "baud") {
			return ""
		}
		port := "PORT"
		if n.Kind == strict.Scalar && portLike.MatchString(n.Text) {
			port, n.At.Show = n.Text, true
		}
		return fmt.Sprintf("the port stands in %s: %s%s", hosts[i].setting, hosts[i].form, port)
	case "delimiter", "terminator", "eol", "linedelimiter":
		if slices.Contains(known, "baud") && slices.Contains(known, "end") {
			return `it is called "end" here`
		}
	case "dsn", "connectionstring", "connstring", "connection", "url", "uri", "datasource", "jdbcurl":
		if slices.Contains(known, "driver") && slices.Contains(known, "database") {
			return "its parts are settings of their own: address, database, user and password"
		}
	}
	return ""
}

// A host is a setting that has a host in it, and how a port is written there.
type host struct{ setting, form string }

var hosts = []host{{"address", "HOST:"}, {"gateway", "HOST:"}, {"endpoint", "opc.tcp://HOST:"}, {"url", "…://HOST:"}}

var portLike = regexp.MustCompile(`^[0-9]{1,5}$`)

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
	"none": "no false never off disabled n", "even": "e", "odd": "o", "any": "yes true all follow always", "same-host": "samehost sameorigin",
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

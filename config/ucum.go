package config

import (
	"slices"
	"strings"
)

// The codes of units that Dodona knows: those of UCUM, composed by its rules, the currencies of ISO 4217, and coins by the symbols that markets have
// for them. Whatever else is counted has a name in braces, as in UCUM: {people}.
const (
	metricAtoms = "m s g rad sr K C cd mol Hz N Pa J W A V F Ohm S Wb T H lm lx Bq Gy Sv kat L l t u eV bar ar B Np bit By Bd pc Cel cal cal_th cal_IT " +
		"m[H2O] m[Hg] B[SPL] B[V] B[mV] B[uV] B[10.nV] B[W] B[kW] tex Ci R RAD REM dyn erg P St Mx G Oe Gb sb Lmb ph Bi Ky mho Gal st eq osm [iU] [IU] g% [g] [c] [h] [k] [e] [eps_0] [mu_0] [m_e] [m_p] [G] [ly]"
	plainAtoms = "% 10* 10^ [pi] deg ' '' gon circ min h d wk mo mo_j mo_g mo_s a a_j a_g a_t AU atm att b [ppth] [ppm] [ppb] [pptr] [pH] [degF] [degR] [degRe] [psi] [HP] [Btu] [Btu_IT] [Btu_th] [Cal] " +
		"[in_i] [ft_i] [yd_i] [mi_i] [fth_i] [nmi_i] [kn_i] [sin_i] [sft_i] [syd_i] [cin_i] [cft_i] [cyd_i] [mil_i] [hd_i] [in_us] [ft_us] [yd_us] [mi_us] [acr_us] [smi_us] " +
		"[gal_us] [bbl_us] [qt_us] [pt_us] [gil_us] [foz_us] [fdr_us] [tbs_us] [tsp_us] [cup_us] [bu_us] [gal_br] [pt_br] [foz_br] [lb_av] [oz_av] [dr_av] [gr] [stone_av] [ston_av] [lton_av] [scwt_av] [lcwt_av] [oz_tr] [lb_tr] [pwt_tr] [car_m] [car_Au] " +
		"[in_i'Hg] [in_i'H2O] [lbf_av] [pnt] [den] [dpt] [p'diop] [NTU] [FNU] [CFU] [arb'U] [smoot] [m/s2/Hz^0.5] bit_s"
	currencies = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CLF CLP CNH CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF " +
		"IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF " +
		"SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XAG XAU XCD XCG XDR XOF XPD XPF XPT XSU XUA YER ZAR ZMW ZWG"
	coins = "BTC XBT WBTC cbBTC sats ETH WETH stETH wstETH rETH cbETH wei gwei USDT USDC USDe DAI USDS FDUSD PYUSD TUSD FRAX LUSD EURC EURS BNB SOL XRP ADA DOGE TRX TON AVAX DOT MATIC POL LINK LTC BCH ATOM UNI XLM XMR ETC FIL APT ARB OP NEAR ICP HBAR ALGO VET AAVE MKR SKY CRV LDO SNX COMP GRT " +
		"RUNE INJ SUI SEI TIA STX IMX FTM S EGLD XTZ EOS KAS PEPE SHIB BONK WIF ENA PAXG XAUT ZEC DASH QNT CRO OKB LEO HYPE TAO JUP PYTH RNDR"
)

var (
	metric   = strings.Fields(metricAtoms)
	plains   = slices.Concat(strings.Fields(plainAtoms), strings.Fields(currencies), strings.Fields(coins))
	prefixes = []string{"da", "Y", "Z", "E", "P", "T", "G", "M", "k", "h", "d", "c", "m", "u", "n", "p", "f", "a", "z", "y", "Ki", "Mi", "Gi", "Ti"}
)

// isUnit reports whether a text is a unit by the rules of UCUM, of the atoms above: a product of units with exponents, each of which may have a
// name in braces behind it.
func isUnit(text string) bool {
	if text = strings.TrimPrefix(text, "/"); len(text) > 100 {
		return false
	}
	depth, from := 0, 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) {
			switch text[i] {
			case '(', '{', '[':
				depth++
			case ')', '}', ']':
				depth--
			}
			if depth > 0 || text[i] != '.' && text[i] != '/' {
				continue
			}
		}
		if depth != 0 || !isComponent(text[from:i]) {
			return false
		}
		from = i + 1
	}
	return true
}

// isComponent reports whether a text is a unit, a number or a term in brackets, perhaps with a name in braces.
func isComponent(text string) bool {
	if at := strings.IndexByte(text, '{'); at >= 0 {
		name := strings.TrimSuffix(text[at+1:], "}")
		if len(name) != len(text)-at-2 || name == "" || strings.ContainsAny(name, "{}") {
			return false
		}
		if text = text[:at]; text == "" {
			return true
		}
	}
	if inner, opens := strings.CutPrefix(text, "("); opens {
		inner, closes := strings.CutSuffix(inner, ")")
		return closes && isUnit(inner)
	}
	if text != "" && strings.Trim(text, "0123456789") == "" {
		return true
	}
	return isSimple(text) || isSimple(strings.TrimRight(strings.TrimRight(text, "0123456789"), "+-"))
}

// isSimple reports whether a text is an atom, or a metric one with a prefix.
func isSimple(text string) bool {
	if slices.Contains(metric, text) || slices.Contains(plains, text) {
		return true
	}
	return slices.ContainsFunc(prefixes, func(prefix string) bool {
		atom, found := strings.CutPrefix(text, prefix)
		return found && slices.Contains(metric, atom)
	})
}

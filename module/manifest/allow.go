package manifest

// Allow is what a module may reach beside its input. Everything else is refused.
type Allow struct {
	// HTTPGet names the hosts it may GET from over HTTPS, such as [api.kraken.com]. Default: none.
	HTTPGet []string `yaml:"http_get,omitempty" json:"http_get,omitempty"`
	// ReadSensor names the sources whose last journaled reading it may see. Default: none.
	ReadSensor []string `yaml:"read_sensor,omitempty" json:"read_sensor,omitempty"`
	// Serial names the serial sources it may talk to. Default: none.
	Serial []string `yaml:"serial,omitempty" json:"serial,omitempty"`
	// Files is a folder that it may read, and nothing outside of it. Default: none.
	Files string `yaml:"files,omitempty" json:"files,omitempty"`
	// NowMS lets it know the round's instant. Default: false.
	NowMS bool `yaml:"now_ms,omitempty" json:"now_ms,omitempty"`
	// Random gives it bytes drawn from the round, the same on every machine. Default: false.
	Random bool `yaml:"random,omitempty" json:"random,omitempty"`
	// Verify lets it check ECDSA and Ed25519 signatures. Default: false.
	Verify bool `yaml:"verify,omitempty" json:"verify,omitempty"`
	// State lets it keep up to 4 KiB from round to round, journaled with the round. Default: false.
	State bool `yaml:"state,omitempty" json:"state,omitempty"`
}

// Capabilities returns what is granted with it, as a manifest asks for it.
func (a Allow) Capabilities() Capabilities {
	c := Capabilities{
		ReadSensor: a.ReadSensor, Serial: a.Serial, Files: a.Files != "",
		NowMS: a.NowMS, Random: a.Random, Verify: a.Verify, State: a.State,
	}
	if len(a.HTTPGet) > 0 {
		c.HTTPGet = &HTTPGet{Hosts: a.HTTPGet}
	}
	return c
}

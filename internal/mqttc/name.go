package mqttc

import (
	"fmt"
	"regexp"
	"strings"
)

// Names are what templates of client ids and user names may hold.
type Names struct {
	Node string // the node's name
	Name string // that of the source or sink
}

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// checkTemplate says which placeholder nobody fills in.
func checkTemplate(setting, text string) error {
	for _, name := range placeholder.FindAllString(text, -1) {
		switch name {
		case "{node}", "{name}":
		case "{client_id}":
			if setting == "client_id" {
				return fmt.Errorf("client_id: {client_id} is what it says itself; want {node} or {name}")
			}
		default:
			return fmt.Errorf("%s: %.40s stands for nothing; want {node}, {name} or, in user, {client_id}", setting, name)
		}
	}
	return nil
}

// Identity returns the client id and the user name of the settings for a unit.
func (s *Settings) Identity(n Names) (clientID, user string) {
	fill := func(text, id string) string {
		return strings.NewReplacer("{node}", n.Node, "{name}", n.Name, "{client_id}", id).Replace(text)
	}
	clientID = fill(s.ClientID, "")
	return clientID, fill(s.User, clientID)
}

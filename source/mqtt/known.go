package mqtt

import (
	"fmt"
	"hash/maphash"
)

// known is what the source knows of topics, so that retained messages that say nothing new are passed over, and topics are bounded.
type known struct {
	most   int
	seed   maphash.Seed
	topics map[string]uint64 // the hash of what each said last

	settled []settled // what was acknowledged last, oldest first
}

// A settled message is in the journal, and was acknowledged over a connection: the broker may not have heard that.
type settled struct {
	hash uint64
	over uint64
}

func newKnown(most int) *known {
	return &known{most: most, seed: maphash.MakeSeed(), topics: map[string]uint64{}}
}

// hash returns that of what a message says.
func (k *known) hash(l letter) uint64 {
	var h maphash.Hash
	h.SetSeed(k.seed)
	_, _ = h.WriteString(l.Topic)
	_ = h.WriteByte(0)
	_, _ = h.Write(l.Payload)
	return h.Sum64()
}

// admit notes a topic, unless there are too many.
func (k *known) admit(topic string) error {
	if _, is := k.topics[topic]; !is {
		if len(k.topics) >= k.most {
			// Fault (dropped): a pattern finds more topics than max_topics.
			return fmt.Errorf("there are more than max_topics, %d: this one is not told apart any more; name fewer topics, or make several sources", k.most)
		}
		k.topics[topic] = 0
	}
	return nil
}

// says notes what a topic says, and reports whether it said the same before.
func (k *known) says(l letter) (again bool) {
	hash := k.hash(l)
	again = k.topics[l.Topic] == hash
	k.topics[l.Topic] = hash
	return again
}

// settle notes what is in the journal and acknowledged.
func (k *known) settle(l letter, most int) {
	k.settled = append(k.settled, settled{k.hash(l), l.over})
	if over := len(k.settled) - most; over > 0 {
		k.settled = append(k.settled[:0], k.settled[over:]...)
	}
}

// again reports whether a message is one that an earlier connection brought and that is in the journal.
func (k *known) again(l letter) bool {
	if !l.Duplicate {
		return false
	}
	hash := k.hash(l)
	for i, s := range k.settled {
		if s.hash == hash && s.over < l.over {
			k.settled = append(k.settled[:i], k.settled[i+1:]...)
			return true
		}
	}
	return false
}

package module

// An event is the state of one event on an instance, used again for the next one.
type event struct{}

func (*event) begin(*Module, Event) {}

func (*event) outcome() Outcome { return Outcome{} }

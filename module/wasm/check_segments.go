package wasm

// segments refuses active segments that do not fit into what they are for, which the standard lets no instance have.
// wazero leaves such elements out and instantiates. Where a segment begins at a global, which must be imported,
// and in what is imported, only an instance knows; [Check] allows neither.
func (c *checker) segments() {
	const do = "the linker has made a segment that does not fit: build again"
	for i := range c.m.Elements {
		e := &c.m.Elements[i]
		if e.Mode != ModeActive || e.At.Op != OpI32Const || e.Table < c.m.Imported(KindTable) {
			continue
		}
		most := uint64(c.m.tables[e.Table].Min)
		if n := uint64(len(e.Functions) + len(e.Exprs)); uint64(uint32(e.At.Value))+n > most {
			c.refuse(SectionElement, e.Start, do, "segment %d is out of bounds: %d elements from %d on, and the table has %d", i, n, uint32(e.At.Value), most)
		}
	}
	for i := range c.m.Data {
		d := &c.m.Data[i]
		if d.Mode != ModeActive || d.At.Op != OpI32Const || d.Memory < c.m.Imported(KindMemory) {
			continue
		}
		most := uint64(c.m.memories[d.Memory].Min) << 16
		if n := uint64(d.Bytes.End - d.Bytes.Start); uint64(uint32(d.At.Value))+n > most {
			c.refuse(SectionData, d.Start, do, "segment %d is out of bounds: %d bytes from %d on, and the memory has %d", i, n, uint32(d.At.Value), most)
		}
	}
}

package wasm

// A calls is the graph of who calls whom. Its nodes are the functions that the module defines, in their order, and after them the types
// of functions in the table: whoever calls one of them by its place in the table may call all of its type.
type calls struct {
	m      *Module
	frames []held // types have none
	edges  [][]int32
	typed  map[string]int32 // the nodes of types
	nodes  []int32          // by the number of a type, one more than its node; 0: not yet

	seen  []int32 // when the search came to a node, from 1 on; 0: not yet
	low   []int32 // the first node seen that it is in a cycle with
	open  []int32 // nodes whose cycle is not complete
	isIn  []bool  // open
	clock int32
	deep  []int64 // the most stack of a call of each
}

// from notes whom the i-th function calls.
func (g *calls) from(i int, code []Instr, infos []info) {
	first := g.m.Imported(KindFunction)
	for k := range code {
		if infos[k].dead {
			continue
		}
		switch in := &code[k]; in.Op {
		case OpCall:
			if in.Index >= first {
				g.edge(i, int32(in.Index-first))
			}
		case OpCallIndirect:
			g.edge(i, g.node(in.Index))
		}
	}
}

func (g *calls) edge(from int, to int32) {
	if n := len(g.edges[from]); n == 0 || g.edges[from][n-1] != to {
		g.edges[from] = append(g.edges[from], to)
	}
}

// node returns the node of the type with a number; types that are equal have one.
func (g *calls) node(number uint32) int32 {
	if n := g.nodes[number]; n > 0 {
		return n - 1
	}
	key := g.m.Types[number].String()
	n, there := g.typed[key]
	if !there {
		n = int32(len(g.frames))
		g.typed[key] = n
		g.frames, g.edges = append(g.frames, held{}), append(g.edges, nil)
	}
	g.nodes[number] = n + 1
	return n
}

// table notes which functions may be in the table.
func (g *calls) table() {
	first := g.m.Imported(KindFunction)
	place := func(f uint32) {
		if f >= first {
			g.edge(int(g.node(g.m.Functions[f-first])), int32(f-first))
		}
	}
	for i := range g.m.Elements {
		for _, f := range g.m.Elements[i].Functions {
			place(f)
		}
		for _, x := range g.m.Elements[i].Exprs {
			if x.Op == OpRefFunc {
				place(x.Index)
			}
		}
	}
}

// deepest returns the most that a call of the host may take.
func (g *calls) deepest(depth int64) (most int64) {
	g.table()
	n := len(g.frames)
	g.seen, g.low, g.isIn, g.deep = make([]int32, n), make([]int32, n), make([]bool, n), make([]int64, n)
	call := func(f uint32) {
		if first := g.m.Imported(KindFunction); f >= first {
			g.search(int32(f-first), depth)
			most = max(most, g.deep[f-first])
		}
	}
	for i := range g.m.Exports {
		if e := &g.m.Exports[i]; e.Kind == KindFunction {
			call(e.Index)
		}
	}
	if g.m.HasStart {
		call(g.m.Start)
	}
	return min(most, g.bounded(g.frames, depth)+g.leaf())
}

// search is Tarjan's search for what is strongly connected, without recursion: a hostile chain of calls has 10,000 functions.
func (g *calls) search(root int32, depth int64) {
	type visit struct {
		node int32
		next int // edge
	}
	if g.seen[root] != 0 {
		return
	}
	begin := func(n int32) visit {
		g.clock++
		g.seen[n], g.low[n], g.isIn[n] = g.clock, g.clock, true
		g.open = append(g.open, n)
		return visit{node: n}
	}
	way := []visit{begin(root)}
	for len(way) > 0 {
		v := &way[len(way)-1]
		if v.next < len(g.edges[v.node]) {
			to := g.edges[v.node][v.next]
			v.next++
			switch {
			case g.seen[to] == 0:
				way = append(way, begin(to))
			case g.isIn[to]:
				g.low[v.node] = min(g.low[v.node], g.seen[to])
			}
			continue
		}
		n := v.node
		if way = way[:len(way)-1]; len(way) > 0 {
			up := way[len(way)-1].node
			g.low[up] = min(g.low[up], g.low[n])
		}
		if g.low[n] == g.seen[n] {
			g.close(n, depth)
		}
	}
}

// close ends a search for those that call each other in a circle, n being the first of them that was seen. What they call beside is done.
func (g *calls) close(n int32, depth int64) {
	at := len(g.open) - 1
	for g.open[at] != n {
		at--
	}
	circle := g.open[at:]
	for _, c := range circle {
		g.isIn[c] = false
	}
	below, again := int64(0), len(circle) > 1
	var frames []held
	for _, c := range circle {
		frames = append(frames, g.frames[c])
		for _, to := range g.edges[c] {
			again = again || to == c
			below = max(below, g.deep[to]) // 0 for those of the circle
		}
	}
	own := frames[0].bytes
	if again {
		own = g.bounded(frames, depth)
	}
	for _, c := range circle {
		g.deep[c] = own + below
	}
	g.open = g.open[:at]
}

// bounded returns the most that frames take together as far as the depth allows, with the one that goes beyond.
func (g *calls) bounded(frames []held, depth int64) int64 {
	most, last := int64(0), int64(0)
	for _, f := range frames {
		if f.weight > 0 {
			most, last = max(most, f.bytes*depth/f.weight), max(last, f.bytes)
		}
	}
	return most + last
}

// leaf returns the largest frame that is not counted.
func (g *calls) leaf() (most int64) {
	for _, f := range g.frames {
		if f.weight == 0 {
			most = max(most, f.bytes)
		}
	}
	return most
}

// largest returns the largest frame.
func (g *calls) largest() (most int64) {
	for _, f := range g.frames {
		most = max(most, f.bytes)
	}
	return most
}

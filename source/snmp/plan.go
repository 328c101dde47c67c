package snmp

import (
	"maps"
	"slices"
)

// A row is a row of a table that points need, by what stands in a column of it.
type row struct{ key, is string }

// A plan is what a device is asked for: variables, and columns of rows whose index is found first.
type plan struct {
	fixed   []string
	rows    []row
	keys    []string // columns to search, each once
	columns map[row][]string
	counted []string // OIDs, and columns, whose last value the next exchange needs
}

func planOf(rules map[string]rule) plan {
	p := plan{columns: map[row][]string{}}
	for _, point := range slices.Sorted(maps.Keys(rules)) {
		r := rules[point]
		oids := []string{r.OID}
		if r.As == asDelta || r.As == asRate {
			p.fixed = append(p.fixed, sysUpTime)
			p.counted = append(p.counted, sysUpTime, r.OID)
			if r.Since != "" {
				oids = append(oids, r.Since)
				p.counted = append(p.counted, r.Since)
			}
		}
		if r.Key == "" {
			p.fixed = append(p.fixed, oids...)
			continue
		}
		of := row{r.Key, r.Is}
		if p.columns[of] == nil {
			p.rows = append(p.rows, of)
			p.keys = append(p.keys, r.Key)
			oids = append(oids, r.Key)
		}
		p.columns[of] = append(p.columns[of], oids...)
	}
	p.fixed, p.keys, p.counted = unique(p.fixed), unique(p.keys), unique(p.counted)
	for of := range p.columns {
		p.columns[of] = unique(p.columns[of])
	}
	return p
}

func unique(all []string) []string {
	slices.Sort(all)
	return slices.Compact(all)
}

// oids returns what to ask for while the rows have these indices.
func (p plan) oids(indices map[row][]string) []string {
	all := slices.Clone(p.fixed)
	for _, r := range p.rows {
		all = append(all, p.ofRow(r, indices[r])...)
	}
	return unique(all)
}

// ofRow returns what to ask for of a row; of several, what tells that they are several.
func (p plan) ofRow(r row, indices []string) (all []string) {
	for _, index := range indices {
		if len(indices) > 1 {
			all = append(all, r.key+"."+index)
			continue
		}
		for _, column := range p.columns[r] {
			all = append(all, column+"."+index)
		}
	}
	return all
}

// keeps reports whether the next exchange needs what is said of oid now.
func (p plan) keeps(oid string) bool {
	return slices.ContainsFunc(p.counted, func(counted string) bool {
		_, is := below(counted, oid)
		return is || counted == oid
	})
}

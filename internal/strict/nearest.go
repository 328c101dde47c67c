package strict

import (
	"fmt"
	"strings"
)

// Nearest returns the known word that was probably meant: equal but for case and separators, or at most a third
// of its letters away. It returns "" if nothing is near.
func Nearest(word string, known []string) string {
	plain := strings.NewReplacer("-", "", "_", "", " ", "")
	best, distance := "", len(word)/3+1
	if len(word) > 64 {
		return ""
	}
	for _, k := range known {
		if strings.EqualFold(plain.Replace(k), plain.Replace(word)) {
			return k
		}
		if n := edits(strings.ToLower(word), k); n < distance || n == 1 && distance > 1 {
			best, distance = k, n
		}
	}
	return best
}

// Near says of a word that is none of those known which one was probably meant.
func (m *Mistake) Near(word string, known []string) {
	if near := Nearest(word, known); near != "" {
		m.Hint, m.Instead = fmt.Sprintf("did you mean %q?", near), bare(near)
	}
}

// edits returns how many insertions, deletions, replacements and swaps of neighbours lie between two words.
func edits(a, b string) int {
	before, row := []int(nil), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(row[j+1]+1, next[j]+1, row[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}

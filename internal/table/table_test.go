package table

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// plant is a table as a command shows it: a value that must be whole, a text that may be cut, and columns that may go.
func plant() Table {
	return Table{
		Columns: []Column{
			{Name: "feed"},
			{Name: "answer", Right: true, Whole: true},
			{Name: "sources", Least: 20, Rank: 1},
			{Name: "round", Rank: 3},
			{Name: "age", Right: true, Rank: 2},
			{Name: "kept", Right: true, Rank: 4},
		},
		Rows: []Row{
			{Cells: Cells("btc.usd", "43,218.55000000 USD", "kraken ✓  binance ✓  coingecko ✗ outlier", "12:04:30", "0.4 s", "3.1 ms")},
			{Cells: Cells("boiler-3.temperature", "80.30 Cel", "boiler ✓", "12:04:31", "11.0 s", "12.3 ms")},
			{Cells: Cells("gate.open", "missed")},
		},
		Margin: 2,
	}
}

func TestATableFitsEveryWidthWithoutCuttingAValue(t *testing.T) {
	for _, c := range []struct {
		width int
		first string
	}{
		{0, "  btc.usd               43,218.55000000 USD  kraken ✓  binance ✓  coingecko ✗ outlier  12:04:30   0.4 s   3.1 ms"},
		{140, "  btc.usd               43,218.55000000 USD  kraken ✓  binance ✓  coingecko ✗ outlier  12:04:30   0.4 s   3.1 ms"},
		{100, "  btc.usd               43,218.55000000 USD  kraken ✓  binance ✓  coinge…  12:04:30   0.4 s   3.1 ms"},
		{80, "  btc.usd               43,218.55000000 USD  kraken ✓  binance ✓  coing…   0.4 s"},
		{60, "  btc.usd               43,218.55000000 USD   0.4 s   3.1 ms"}, // sources do not fit, but others do
		{50, "  btc.usd               43,218.55000000 USD"},
		{35, "  btc.usd       43,218.55000000 USD"},
	} {
		lines := plant().Lines(c.width)
		if lines[1] != c.first {
			t.Errorf("at %d columns the first row is\n%q, want\n%q", c.width, lines[1], c.first)
		}
		all := strings.Join(lines, "\n")
		if c.width >= 60 || c.width == 0 {
			if !strings.Contains(all, "43,218.55000000 USD") || !strings.Contains(all, "80.30 Cel\n") && !strings.Contains(all, "80.30 Cel  ") {
				t.Errorf("at %d columns a value is not whole:\n%s", c.width, all)
			}
		}
		for _, line := range lines {
			if got := measured(line); c.width > 0 && got > c.width {
				t.Errorf("at %d columns a line is %d wide: %q", c.width, got, line)
			}
		}
	}
}

func TestWhereNoRowFitsEachCellHasItsOwnLineAndAValueIsBrokenWhole(t *testing.T) {
	got := strings.Join(plant().Lines(20), "\n")
	want := strings.Join([]string{
		"  btc.usd", "    43,218.55000000", "    USD",
		"  boiler-3.temperatu", "  re", "    80.30 Cel",
		"  gate.open", "    missed",
	}, "\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestColumnsAlignWhateverTheirCellsHold(t *testing.T) {
	names := []string{
		"plain", "日本語の名前", "café", "cafe\u0301", "שלום עולם", "السلام", "🔥 hot", "👩‍👩‍👧", "❤️", "👍🏽", "한국어", "각",
		"a\x1b[2Jb", "tab\there", "two\nlines", "\u202eevil", "bad\xff\xfe", "", "\u0301leads",
	}
	table := Table{Columns: []Column{{Name: "name"}, {Name: "value", Right: true, Whole: true}, {Name: "why"}}}
	for i, name := range names {
		table.Add(Cells(name, fmt.Sprint(i*i*i), "| "+name))
	}
	for _, width := range []int{0, 140, 60, 30} {
		lines := table.Lines(width)
		at := -1
		for _, line := range lines[1:] {
			before, _, found := strings.Cut(line, "|")
			if !found {
				t.Fatalf("no third column in %q", line)
			}
			if at < 0 {
				at = measured(before)
			}
			if measured(before) != at {
				t.Errorf("the third column of %q begins at %d, not at %d", line, measured(before), at)
			}
			if strings.ContainsAny(line, "\x1b\n\t\u202e") || !utf8.ValidString(line) {
				t.Errorf("%q can steer a terminal", line)
			}
		}
	}
}

func TestAWidthIsWhatTerminalsTake(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "abc": 3, "日本": 4, "cafe\u0301": 4, "שלום": 4, "🔥": 2, "❤️": 1, "👍🏽": 2, "각": 2, "ﾊﾝ": 2, "Ａ": 2, "a\x1bb": 3, "✓ ✗ …": 5,
	} {
		if got := Measure(text); got != want {
			t.Errorf("%q takes %d columns, want %d", text, got, want)
		}
	}
}

func TestATextFromRightToLeftEndsWithTheMark(t *testing.T) {
	for _, text := range []string{Cut("שלום", 10), Cut("שלום עולם", 4), Wrap("שלום עולם", 5)[0]} {
		if !strings.HasSuffix(text, "\u200e") || strings.Count(text, "\u200e") != 1 {
			t.Errorf("%q lets the columns behind it run from right to left", text)
		}
	}
	if got := Cut("מחיר 5", 3); measured(got) > 3 {
		t.Errorf("%q is wider than 3", got)
	}
	line := Wrap("שלום עולם", 5)[0]
	if again := Paint(line, Normal, false); again != line || Measure(line) != 4 {
		t.Errorf("%q, which is safe, is painted as %q, %d wide", line, again, Measure(line))
	}
	if got := Paint("abc\u200e", Normal, false); got != "abc·" {
		t.Errorf("a mark that a stranger wrote is %q, want a dot", got)
	}
}

func TestCutKeepsCharactersWholeAndSaysThatThereWasMore(t *testing.T) {
	for _, c := range []struct {
		text string
		most int
		want string
	}{
		{"temperature", 11, "temperature"},
		{"temperature", 6, "tempe…"},
		{"日本語", 5, "日本…"},
		{"日本語", 4, "日…"},
		{"cafe\u0301s", 4, "caf…"},
		{"one two", 5, "one…"},
		{"x", 0, ""},
		{"xy", 1, "…"},
	} {
		if got := Cut(c.text, c.most); got != c.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", c.text, c.most, got, c.want)
		}
	}
}

func TestWrapLosesNothing(t *testing.T) {
	for _, c := range []struct {
		text string
		most int
		want []string
	}{
		{"GET http://127.0.0.1:1/price: 503, trying again in 4 s", 24, []string{"GET", "http://127.0.0.1:1/price", ": 503, trying again in 4", "s"}},
		{"one two three", 7, []string{"one two", "three"}},
		{"one\ntwo\r\n\nthree", 20, []string{"one", "two", "three"}},
		{"日本語", 3, []string{"日", "本", "語"}},
		{"日本", 1, []string{"日", "本"}},
		{"whole however long it is", 0, []string{"whole however long it is"}},
		{"", 5, nil},
	} {
		if got := Wrap(c.text, c.most); strings.Join(got, "|") != strings.Join(c.want, "|") {
			t.Errorf("Wrap(%q, %d) = %q, want %q", c.text, c.most, got, c.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text, most := rapid.StringMatching(`[a-z日é ]{0,60}`).Draw(t, "text"), rapid.IntRange(1, 30).Draw(t, "most")
		lines := Wrap(text, most)
		for _, line := range lines {
			if measured(line) > max(most, 2) {
				t.Fatalf("%q is wider than %d", line, most)
			}
		}
		if got, want := strings.ReplaceAll(strings.Join(lines, ""), " ", ""), strings.ReplaceAll(text, " ", ""); got != want {
			t.Fatalf("of %q is left %q", text, lines)
		}
	})
}

func TestTheFirstLineHasItsOwnRoom(t *testing.T) {
	for _, c := range []struct {
		text        string
		first, most int
		want        []string
	}{
		{"one two three four", 4, 9, []string{"one", "two three", "four"}},
		{"one two three four", 9, 4, []string{"one two", "thre", "e", "four"}},
		{"one\ntwo three", 20, 5, []string{"one", "two", "three"}},
		{"one", 0, 3, []string{"one"}},
		{"שלום עולם שוב", 9, 4, []string{"שלום עולם\u200e", "שוב\u200e"}},
	} {
		if got := WrapFrom(c.text, c.first, c.most); !slices.Equal(got, c.want) {
			t.Errorf("WrapFrom(%q, %d, %d) = %q, want %q", c.text, c.first, c.most, got, c.want)
		}
	}
}

func TestWhatHangsBesideANameStaysBesideIt(t *testing.T) {
	for _, c := range []struct {
		name, text string
		width      int
		want       []string
	}{
		{"clock    ", "it is right", 0, []string{"clock    it is right"}},
		{"clock    ", "it is right", 14, []string{"clock    it is", "         right"}},
		{"  ", "one two\nthree", 6, []string{"  one", "  two", "  thre", "  e"}},
		{"日  ", "one two", 7, []string{"日  one", "    two"}},
		{"clock    ", "ab", 3, []string{"clock    a", "         b"}},
		{"clock    ", "", 20, nil},
	} {
		if got := Hang(c.name, c.text, c.width); !slices.Equal(got, c.want) {
			t.Errorf("Hang(%q, %q, %d) = %q, want %q", c.name, c.text, c.width, got, c.want)
		}
	}
}

func TestNoLineOfAnyTableIsWiderThanTheTerminal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := Table{Margin: rapid.IntRange(0, 4).Draw(t, "margin"), Color: rapid.Bool().Draw(t, "color")}
		for range rapid.IntRange(1, 6).Draw(t, "columns") {
			table.Columns = append(table.Columns, Column{
				Name: rapid.StringMatching(`[a-z]{0,8}`).Draw(t, "name"), Right: rapid.Bool().Draw(t, "right"), Whole: rapid.Bool().Draw(t, "whole"),
				Rank: rapid.IntRange(0, 3).Draw(t, "rank"), Least: rapid.IntRange(0, 9).Draw(t, "least"),
			})
		}
		for range rapid.IntRange(0, 4).Draw(t, "rows") {
			var row Row
			for range rapid.IntRange(0, len(table.Columns)).Draw(t, "cells") {
				row.Cells = append(row.Cells, Cell{rapid.String().Draw(t, "cell"), Style(rapid.IntRange(0, 5).Draw(t, "style"))})
			}
			if rapid.Bool().Draw(t, "told") {
				row.Below = []Cell{{Text: rapid.String().Draw(t, "below")}}
			}
			table.Rows = append(table.Rows, row)
		}
		width := rapid.IntRange(8, 120).Draw(t, "width")
		for _, line := range table.Lines(width) {
			for _, escape := range append(escapes[1:], "\x1b[0m") {
				line = strings.ReplaceAll(line, escape, "")
			}
			if measured(line) > width {
				t.Fatalf("%q is %d wide, the terminal %d", line, measured(line), width)
			}
			if strings.ContainsAny(line, "\x1b\n\r\t") {
				t.Fatalf("%q can steer a terminal", line)
			}
		}
	})
}

func TestTextsBelowARowAreWholeAndWrapped(t *testing.T) {
	table := Table{Columns: []Column{{Name: "source"}, {Name: "state"}}}
	table.Add(Cells("kraken", "retrying"), Cell{Text: "GET api.kraken.com: 503 Service Unavailable"})
	table.Add(Cells("binance", "ok"))
	want := "source   state\nkraken   retrying\n  GET api.kraken.com:\n  503 Service\n  Unavailable\nbinance  ok"
	if got := strings.Join(table.Lines(22), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestColourIsOnlyWhereItIsAskedFor(t *testing.T) {
	table := Table{Columns: []Column{{Name: "state"}, {Name: "n", Right: true}}, Rows: []Row{{Cells: []Cell{{"stuck", Red}, {"4", Bold}}}}}
	if got, want := strings.Join(table.Lines(0), "\n"), "state  n\nstuck  4"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	table.Color = true
	if got, want := table.Lines(0)[1], "\x1b[31mstuck\x1b[0m  \x1b[1m4\x1b[0m"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestColumnsLimitsWhereNoTerminalIs(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	t.Setenv("COLUMNS", "")
	if got := Width(write); got != 0 || IsTerminal(write) || IsTerminal(read) {
		t.Errorf("a pipe is %d columns wide, a terminal: %v", got, IsTerminal(write))
	}
	t.Setenv("COLUMNS", "72")
	if got := Width(write); got != 72 {
		t.Errorf("with COLUMNS=72 a pipe is %d columns wide", got)
	}
	t.Setenv("COLUMNS", "-3")
	if got := Width(write); got != 0 {
		t.Errorf("with COLUMNS=-3 a pipe is %d columns wide", got)
	}
}

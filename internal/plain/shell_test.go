package plain

import (
	"os/exec"
	"testing"
)

func TestAShellReadsAWordBack(t *testing.T) {
	for _, word := range []string{"keys/node.json", "my key.json", "it's", "$HOME/~", "a\nb", "-n", "*", `a"b`, "", "`id`", "ключ"} {
		out, err := exec.Command("sh", "-c", "printf %s "+ShellWord(word)).Output()
		if err != nil || string(out) != word && word != "-n" {
			t.Errorf("%q: a shell reads %s as %q (%v)", word, ShellWord(word), out, err)
		}
	}
	if got := ShellWord("keys/node.json"); got != "keys/node.json" {
		t.Errorf("a plain path is quoted: %s", got)
	}
}

package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// seek says where a file was sought that is not there, and where else it is, or may be. It says nothing of a path that is the same from everywhere.
func (l *loader) seek(path string) (in, found string) {
	here, err := os.Getwd()
	if path == "" || filepath.IsAbs(path) || err != nil {
		return "", ""
	}
	in, do := " in "+here, "run from "+filepath.Dir(l.config.Name)+", or write the whole path"
	if folder, by := l.runs(); folder != "" && folder != here {
		where := fmt.Sprintf("in %s, where %s runs by it", folder, by)
		switch _, err := os.Stat(filepath.Join(folder, path)); {
		case err == nil:
			return in, "there is one " + where + ": check from there looks at it"
		case errors.Is(err, fs.ErrPermission):
			return in, "relative paths begin " + where + ", and this user may not look there: check from there, as the user that it runs as"
		}
		in, do = in+", and none "+where, "write the whole path"
	}
	beside, err := filepath.Abs(filepath.Dir(l.config.Name))
	if err != nil || beside == here {
		return in, ""
	}
	if _, err := os.Stat(filepath.Join(beside, path)); err != nil {
		return in, ""
	}
	return in, "there is one beside the configuration: " + do
}

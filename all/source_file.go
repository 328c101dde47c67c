//go:build !no.source.file

package all

import "github.com/dodona-oracle/dodona/source/file"

func init() { kinds = append(kinds, file.Kind) }

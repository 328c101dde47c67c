//go:build !race

package module_test

const (
	racing      = false
	attackSlack = 1
)

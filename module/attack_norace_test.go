//go:build !race

package module_test

const (
	racing      = false
	attackSlack = 1
	mutantsEach = 2200 // 20,000 and more of all
)

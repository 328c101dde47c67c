//go:build !race

package module_test

const (
	attackSlack = 1
	mutantsEach = 2200 // 20,000 and more of all
)

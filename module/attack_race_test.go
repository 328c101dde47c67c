//go:build race

package module_test

const (
	attackSlack = 4   // the detector keeps several bytes of its own for each; the runs without it hold the budget
	mutantsEach = 300 // which meet their neighbours often enough; the runs without the detector try all
)

// Package packaging holds what a machine gets beside the program: the unit of systemd, the scripts of the Debian package that
// scripts/package.sh makes, and examples. There is no Go code in it but its tests.
package packaging

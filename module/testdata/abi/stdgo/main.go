// Command stdgo says on standard output what standard Go finds in the sandbox.
package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

func main() {}

//go:wasmexport dodona_run
func run() int32 {
	fmt.Println("args", len(os.Args), "environ", len(os.Environ()))
	start := time.Now()
	time.Sleep(1500 * time.Millisecond)
	fmt.Println("now", start.UTC().Format(time.RFC3339Nano), "slept", time.Since(start))
	b := make([]byte, 8)
	_, err := rand.Read(b)
	fmt.Printf("random %d %v\n", len(b), err)
	table, err := os.ReadFile("/table.csv")
	fmt.Printf("table %q %v\n", table, err)
	_, err = os.ReadFile("/sub/up")
	fmt.Println("link", err)
	_, err = os.ReadFile("../secret")
	fmt.Println("secret", err)
	fmt.Println("write", os.WriteFile("/new", nil, 0o600))
	_, err = os.Stat("/none")
	fmt.Println("none", errors.Is(err, fs.ErrNotExist))
	entries, err := os.ReadDir("/")
	for _, e := range entries {
		fmt.Print(e.Name(), e.IsDir(), " ")
	}
	fmt.Println(err)
	n, err := os.Stdin.Read(b)
	fmt.Println("stdin", n, err)
	fmt.Fprint(os.Stderr, "without an end")
	return 0
}

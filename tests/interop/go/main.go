// Command interop reads a running log and checks it by code that others wrote, two ways that share none of it:
//
//	interop xmod    URL VKEY INDICES [NOTE…]   golang.org/x/mod/sumdb: note, tlog (authenticated tiles)
//	interop tessera URL VKEY INDICES [NOTE…]   transparency-dev: tessera (client, fsck), merkle, formats
//	interop proof   FILE VKEY [WITNESS…]       an offline .tlog-proof, with every witness's cosignature
//	interop cosign  NOTE                       cosigns a checkpoint with new keys: Ed25519 and ML-DSA-44
//
// INDICES are comma-separated leaves to prove; NOTE is a file with an earlier checkpoint. Prints JSON; exit code 1 and
// the reason on stderr is its refusal.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// report is what a reader of a whole log prints.
type report struct {
	Size       uint64            `json:"size"`
	Root       string            `json:"root"`
	Leaves     map[string]string `json:"leaves"`
	Consistent []uint64          `json:"consistent"`
}

func main() {
	result, err := run(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		os.Exit(1)
	}
}

func run(args []string) (any, error) {
	if len(args) < 2 {
		return nil, errors.New("usage: interop xmod|tessera|proof|cosign …")
	}
	command, args := args[0], args[1:]
	switch {
	case command == "cosign" && len(args) == 1:
		return cosign(args[0])
	case command == "proof" && len(args) >= 2:
		return checkProof(args[0], args[1], args[2:])
	case command == "xmod" && len(args) >= 3:
		return readLog(args, readByXmod)
	case command == "tessera" && len(args) >= 3:
		return readLog(args, readByTessera)
	}
	return nil, fmt.Errorf("no command %q with %d arguments", command, len(args))
}

func readLog(args []string, read func(url, vkey string, indices []uint64, notes [][]byte) (*report, error)) (any, error) {
	var indices []uint64
	for _, text := range strings.Split(args[2], ",") {
		index, err := strconv.ParseUint(text, 10, 63)
		if err != nil {
			return nil, err
		}
		indices = append(indices, index)
	}
	var notes [][]byte
	for _, path := range args[3:] {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		notes = append(notes, data)
	}
	return read(args[0], args[1], indices, notes)
}

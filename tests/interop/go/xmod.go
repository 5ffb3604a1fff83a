package main

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight   = 8
	tileWidth    = 1 << tileHeight
	answerMax    = 32 << 20
	requestLimit = 30 * time.Second
)

var httpClient = &http.Client{
	Timeout: requestLimit,
	// tlog-tiles: a log's resources don't redirect.
	CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("redirected") },
}

func get(url string) ([]byte, error) {
	response, err := httpClient.Get(url)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	return io.ReadAll(io.LimitReader(response.Body, answerMax))
}

// path is where tlog-tiles serves what tlog calls tile/8/<L>/… or tile/8/data/….
func path(tile tlog.Tile) string {
	path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
	return strings.Replace(path, "tile/data/", "tile/entries/", 1)
}

// tiles gives tlog the log's tiles; tlog checks each against the root before it believes a hash in it.
type tiles struct {
	prefix string
	cache  map[tlog.Tile][]byte
}

func (t *tiles) Height() int { return tileHeight }

func (t *tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		data, ok := t.cache[tile]
		if !ok {
			var err error
			if data, err = get(t.prefix + "/" + path(tile)); err != nil {
				return nil, err
			}
		}
		found = append(found, data)
	}
	return found, nil
}

func (t *tiles) SaveTiles(checked []tlog.Tile, data [][]byte) {
	for i, tile := range checked {
		t.cache[tile] = data[i]
	}
}

// openTree is a checkpoint whose signature holds.
func openTree(data []byte, verifier note.Verifier) (tlog.Tree, error) {
	signed, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.SplitN(signed.Text, "\n", 4)
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return tlog.Tree{}, errors.New("no checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// readEntries are the entries of a bundle of this width: each after its length, nothing over.
func readEntries(data []byte, width int) ([][]byte, error) {
	var entries [][]byte
	for len(data) > 0 {
		if len(data) < 2 {
			return nil, errors.New("the bundle ends inside a length")
		}
		length := int(binary.BigEndian.Uint16(data))
		if data = data[2:]; len(data) < length {
			return nil, errors.New("the bundle ends inside an entry")
		}
		entries, data = append(entries, data[:length]), data[length:]
	}
	if len(entries) != width {
		return nil, fmt.Errorf("a bundle of %d entries, not %d", len(entries), width)
	}
	return entries, nil
}

func readByXmod(url, vkey string, indices []uint64, notes [][]byte) (*report, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	data, err := get(url + "/checkpoint")
	if err != nil {
		return nil, err
	}
	tree, err := openTree(data, verifier)
	if err != nil {
		return nil, err
	}
	reader := tlog.TileHashReader(tree, &tiles{prefix: url, cache: map[tlog.Tile][]byte{}})
	root, err := tlog.TreeHash(tree.N, reader)
	if err != nil {
		return nil, err
	}
	if root != tree.Hash {
		return nil, errors.New("the tiles don't hash to the root")
	}
	result := &report{Size: uint64(tree.N), Root: hex.EncodeToString(root[:]), Leaves: map[string]string{}}
	if err := checkEntries(url, tree, reader, indices, result); err != nil {
		return nil, err
	}
	for _, earlier := range notes {
		old, err := openTree(earlier, verifier)
		if err != nil {
			return nil, err
		}
		proof, err := tlog.ProveTree(tree.N, old.N, reader)
		if err != nil {
			return nil, err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash); err != nil {
			return nil, err
		}
		result.Consistent = append(result.Consistent, uint64(old.N))
	}
	return result, nil
}

// checkEntries compares every entry of every bundle with its leaf, and proves those at the indices.
func checkEntries(url string, tree tlog.Tree, reader tlog.HashReader, indices []uint64, result *report) error {
	prove := map[int64]bool{}
	for _, index := range indices {
		prove[int64(index)] = true
	}
	for first := int64(0); first < tree.N; first += tileWidth {
		width := int(min(tree.N-first, tileWidth))
		data, err := get(url + "/" + path(tlog.Tile{H: tileHeight, L: -1, N: first / tileWidth, W: width}))
		if err != nil {
			return err
		}
		entries, err := readEntries(data, width)
		if err != nil {
			return err
		}
		stored := make([]int64, width)
		for i := range stored {
			stored[i] = tlog.StoredHashIndex(0, first+int64(i))
		}
		leaves, err := reader.ReadHashes(stored)
		if err != nil {
			return err
		}
		for i, entry := range entries {
			index, leaf := first+int64(i), tlog.RecordHash(entry)
			if leaf != leaves[i] {
				return fmt.Errorf("entry %d is not the leaf", index)
			}
			if !prove[index] {
				continue
			}
			proof, err := tlog.ProveRecord(tree.N, index, reader)
			if err != nil {
				return err
			}
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf); err != nil {
				return err
			}
			result.Leaves[strconv.FormatInt(index, 10)] = hex.EncodeToString(leaf[:])
		}
	}
	return nil
}

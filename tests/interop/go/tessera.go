package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"

	"github.com/transparency-dev/formats/log"
	cosignotes "github.com/transparency-dev/formats/note"
	prooffile "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
)

const workers = 4

var hasher = rfc6962.DefaultHasher

// hashBundle is how the log makes leaves of a bundle, for fsck.
func hashBundle(data []byte) ([][]byte, error) {
	var bundle api.EntryBundle
	if err := bundle.UnmarshalText(data); err != nil {
		return nil, err
	}
	var leaves [][]byte
	for _, entry := range bundle.Entries {
		leaves = append(leaves, hasher.HashLeaf(entry))
	}
	return leaves, nil
}

func readByTessera(prefix, vkey string, indices []uint64, notes [][]byte) (*report, error) {
	ctx := context.Background()
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	parsed, err := url.Parse(prefix)
	if err != nil {
		return nil, err
	}
	fetcher, err := client.NewHTTPFetcher(parsed, httpClient)
	if err != nil {
		return nil, err
	}
	origin := verifier.Name()
	// Every bundle and every tile, each rebuilt from the entries and compared.
	if err := fsck.New(origin, verifier, fetcher, hashBundle, fsck.Opts{N: workers}).Check(ctx); err != nil {
		return nil, err
	}
	head, raw, _, err := client.FetchCheckpoint(ctx, fetcher.ReadCheckpoint, verifier, origin)
	if err != nil {
		return nil, err
	}
	result := &report{Size: head.Size, Root: hex.EncodeToString(head.Hash), Leaves: map[string]string{}}
	if err := proveEntries(ctx, fetcher, head, indices, result); err != nil {
		return nil, err
	}
	for _, earlier := range notes {
		consensus := client.UnilateralConsensus(func(context.Context) ([]byte, error) { return raw, nil })
		tracker, err := client.NewLogStateTracker(ctx, fetcher.ReadTile, earlier, verifier, origin, consensus)
		if err != nil {
			return nil, err
		}
		old := tracker.Latest()
		if _, _, _, err := tracker.Update(ctx); err != nil {
			return nil, err
		}
		// The tracker compares nothing where the sizes are equal.
		if tracker.Latest().Size != head.Size || old.Size == head.Size && string(old.Hash) != string(head.Hash) {
			return nil, errors.New("the tracker did not come to the checkpoint")
		}
		result.Consistent = append(result.Consistent, old.Size)
	}
	return result, nil
}

func proveEntries(ctx context.Context, fetcher *client.HTTPFetcher, head *log.Checkpoint, indices []uint64, result *report) error {
	builder, err := client.NewProofBuilder(ctx, head.Size, fetcher.ReadTile)
	if err != nil {
		return err
	}
	for _, index := range indices {
		bundle, err := client.GetEntryBundle(ctx, fetcher.ReadEntryBundle, index/tileWidth, head.Size)
		if err != nil {
			return err
		}
		if uint64(len(bundle.Entries)) <= index%tileWidth {
			return fmt.Errorf("no entry %d in its bundle", index)
		}
		leaf := hasher.HashLeaf(bundle.Entries[index%tileWidth])
		path, err := builder.InclusionProof(ctx, index)
		if err != nil {
			return err
		}
		if err := proof.VerifyInclusion(hasher, index, head.Size, leaf, path, head.Hash); err != nil {
			return err
		}
		result.Leaves[strconv.FormatUint(index, 10)] = hex.EncodeToString(leaf)
	}
	return nil
}

// checkProof verifies a .tlog-proof offline; its extra line is the entry.
func checkProof(path, vkey string, witnesses []string) (any, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file prooffile.TLogProof
	if err := file.Unmarshal(data); err != nil {
		return nil, err
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	var others []note.Verifier
	for _, witness := range witnesses {
		other, err := cosignotes.NewVerifier(witness)
		if err != nil {
			return nil, err
		}
		others = append(others, other)
	}
	head, _, signed, err := log.ParseCheckpoint(file.Checkpoint, verifier.Name(), verifier, others...)
	if err != nil {
		return nil, err
	}
	if len(signed.Sigs) != 1+len(witnesses) {
		return nil, fmt.Errorf("%d of %d signatures hold", len(signed.Sigs), 1+len(witnesses))
	}
	var hashes [][]byte
	for _, hash := range file.Hashes {
		hashes = append(hashes, hash[:])
	}
	leaf := hasher.HashLeaf(file.ExtraData)
	if err := proof.VerifyInclusion(hasher, file.Index, head.Size, leaf, hashes, head.Hash); err != nil {
		return nil, err
	}
	var names []string
	for _, signature := range signed.Sigs {
		names = append(names, signature.Name)
	}
	return map[string]any{"index": file.Index, "size": head.Size, "leaf": hex.EncodeToString(leaf), "signed": names}, nil
}

// cosign makes cosignatures of both types by formats' own signers, with new keys.
func cosign(path string) (any, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	// The text ends at the last empty line; signatures over it are all that is made here.
	end := len(data) - 1
	for end > 0 && !(data[end] == '\n' && data[end-1] == '\n') {
		end--
	}
	text := string(data[:end])
	secret, vkey, err := note.GenerateKey(rand.Reader, "witness.example/formats")
	if err != nil {
		return nil, err
	}
	first, err := cosignotes.NewSignerForCosignatureV1(secret)
	if err != nil {
		return nil, err
	}
	firstKey, err := cosignotes.VKeyToCosignatureV1(vkey)
	if err != nil {
		return nil, err
	}
	secret, secondKey, err := cosignotes.GenerateMLDSAKey("witness.example/formats-pq")
	if err != nil {
		return nil, err
	}
	second, err := cosignotes.NewMLDSASigner(secret)
	if err != nil {
		return nil, err
	}
	signed, err := note.Sign(&note.Note{Text: text}, first, second)
	if err != nil {
		return nil, err
	}
	return map[string]any{"vkeys": []string{firstKey, secondKey}, "lines": string(signed[len(text)+1:])}, nil
}

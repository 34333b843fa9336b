package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"

	"github.com/stretchr/testify/require"

	"example.org/rstuf/internal/canonical"
)

// edit changes the file of a role that is served, and nothing else.
func (s *simulator) edit(role string, version int64, change func(file map[string]any)) {
	s.t.Helper()
	var file map[string]any
	decoder := json.NewDecoder(bytes.NewReader(s.files[s.filename(role, version)]))
	decoder.UseNumber()
	require.NoError(s.t, decoder.Decode(&file))
	change(file)
	data, err := json.Marshal(file)
	require.NoError(s.t, err)
	s.serve(role, version, data)
}

// resign changes the signed part of a file into what nothing here would write,
// and signs it.
func (s *simulator) resign(role string, version int64, change func(signed map[string]any)) {
	s.t.Helper()
	s.edit(role, version, func(file map[string]any) {
		change(file["signed"].(map[string]any))
		signed, err := json.Marshal(file["signed"])
		require.NoError(s.t, err)
		form, err := canonical.Transform(signed)
		require.NoError(s.t, err)
		list := []any{}
		for _, signer := range s.signers[role] {
			signature, err := signer.Sign(s.t.Context(), form)
			require.NoError(s.t, err)
			list = append(list, map[string]any{"keyid": signer.Public().ID(), "sig": hex.EncodeToString(signature)})
		}
		file["signatures"] = list
	})
}

// setSignature replaces a signature of a file.
func setSignature(file map[string]any, i int, text string) {
	file["signatures"].([]any)[i].(map[string]any)["sig"] = text
}

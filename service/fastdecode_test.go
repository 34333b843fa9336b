package service

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const hash64 = `"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"`

var artifactBodies = []string{
	`{"artifacts":[]}`,
	`{"artifacts":[{"path":"a","info":{"length":1,"hashes":{"sha256":` + hash64 + `}}}]}`,
	` {"publish_artifacts" : false, "artifacts":[ {"info":{"hashes":{"sha256":` + hash64 + `,"blake2b-256":` + hash64 + `},"length":0},"path":"a/b"} , {"path":"c","info":{"length":12,"hashes":{"sha256":` + hash64 + `}}}]}`,
	`{"artifacts":[{"path":"a","info":{"length":1,"hashes":{"sha256":` + hash64 + `},"custom":{"z":{"y":"}"},"a":[1,{}]}}}]}`,
	`{"artifacts":[{"path":"a","info":{"length":1,"hashes":{"sha256":` + hash64 + `}}}],"add_task_id_to_custom":true}`,
	`{"artifacts":[{"path":"a","info":{"length":1,"hashes":{"sha256":` + hash64 + `},"custom":{"k":1}}}],"add_task_id_to_custom":true}`,
	`{"artifacts":[{"path":"ünï","info":{"length":1,"hashes":{"sha256":` + hash64 + `},"custom":null}}]}`,
	`{"artifacts":[{"path":"a\"b","info":{"length":1,"hashes":{"sha256":` + hash64 + `}}}]}`,
	`{"artifacts":[{"path":"a","info":{"length":1,"hashes":{"md5":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}}}]}`,
	`{"artifacts":[{"path":"a","info":{"length":-1,"hashes":{"sha256":` + hash64 + `}}}]}`,
	`{"artifacts":[{"path":"../a","info":{"length":1,"hashes":{"sha256":` + hash64 + `}}}]}`,
	`{"artifacts":[{"path":"","info":{"length":1,"hashes":{"sha256":` + hash64 + `}}}]}`,
	`{"artifacts":[{"path":"a","info":{"length":1,"hashes":{}}}]}`,
	`{"artifacts":[{"path":"a","info":{"length":1,"hashes":{"sha256":"AA"}}}]}`,
	`{"artifacts":[{"path":"a","info":{"length":1.5,"hashes":{"sha256":` + hash64 + `}}}]}`,
	`{"artifacts":[{"path":"a","info":{"length":1,"hashes":{"sha256":` + hash64 + `},"custom":{"f":1.5}}}]}`,
	`{"artifacts":[{"path":"a","info":{"length":1,"hashes":{"sha256":` + hash64 + `},"more":1},"other":2}]}`,
	`{"artifacts":[{"path":"a","info":{"length":99999999999999999999,"hashes":{"sha256":` + hash64 + `}}}]}`,
	`{"artifacts":[{"path":"a","info":{"length":1,"hashes":{"sha256":` + hash64,
	`{"artifacts":[{"path":"a"}],"artifacts":[]}`,
	`{"artifacts":[],"publish_artifacts":"no"}`,
	`{"artifacts":[],"publish_artifacts":null}`,
	`{"artifacts":[{"path":"a","info":{"length":"630","hashes":{"sha256":` + hash64 + `}}}]}`,
	`{"artifacts":[{"path":"a","info":{"length":630.0,"hashes":{"sha256":` + hash64 + `}}}],"publish_artifacts":1}`,
	`[]`, ``, `{}`, `null`,
}

// What the fast way reads, the general way reads too, and just so.
func FuzzFastArtifacts(f *testing.F) {
	for _, body := range artifactBodies {
		f.Add([]byte(body))
	}
	id := taskID{1, 2, 3}
	f.Fuzz(func(t *testing.T, body []byte) {
		fast, fastPaths, ok := fastArtifacts(body, id)
		if !ok {
			return
		}
		slow, slowPaths, err := slowArtifacts(body, id)
		require.NoError(t, err)
		assert.Equal(t, string(slow), string(fast))
		assert.Equal(t, slowPaths, fastPaths)
		assert.NoError(t, fast.check())
	})
}

// The usual requests go the fast way.
func TestFastArtifactsTakesTheUsual(t *testing.T) {
	for _, body := range artifactBodies[:5] {
		_, _, ok := fastArtifacts([]byte(body), taskID{})
		assert.True(t, ok, body)
	}
}

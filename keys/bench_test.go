package keys_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"example.org/rstuf/keys"
)

func BenchmarkSign(b *testing.B) {
	for _, kind := range allTypes {
		b.Run(string(kind), func(b *testing.B) {
			key := generate(b, kind, "")
			message := make([]byte, 4096)
			b.ReportAllocs()
			for b.Loop() {
				_, err := key.Sign(context.Background(), message)
				require.NoError(b, err)
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, kind := range allTypes {
		b.Run(string(kind), func(b *testing.B) {
			key := generate(b, kind, "")
			message := make([]byte, 4096)
			sig, err := key.Sign(context.Background(), message)
			require.NoError(b, err)
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, key.Public().Verify(message, sig))
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for _, kind := range []keys.Type{keys.Ed25519, keys.RSA3072} {
		for name, secret := range map[string][]byte{"plain": nil, "encrypted": []byte("pw")} {
			b.Run(string(kind)+"/"+name, func(b *testing.B) {
				text, err := generate(b, kind, "").MarshalPEM(secret)
				require.NoError(b, err)
				b.ReportAllocs()
				for b.Loop() {
					_, err := keys.Parse(text, password("pw"))
					require.NoError(b, err)
				}
			})
		}
	}
}

func BenchmarkFromKey(b *testing.B) {
	for _, kind := range []keys.Type{keys.Ed25519, keys.ECDSAP256, keys.RSA3072} {
		b.Run(string(kind), func(b *testing.B) {
			k := generate(b, kind, "alice").Public().Key()
			b.ReportAllocs()
			for b.Loop() {
				_, err := keys.FromKey(k)
				require.NoError(b, err)
			}
		})
	}
}

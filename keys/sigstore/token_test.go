package sigstore

import (
	"encoding/base64"
	"testing"
	"time"
)

func FuzzReadToken(f *testing.F) {
	for _, claims := range []string{
		`{"iss":"https://accounts.example.com","sub":"1","aud":"sigstore","exp":4102444800,"email":"carol@example.com"}`,
		`{"iss":"a","sub":"b","aud":["c","sigstore"],"exp":1e300,"email_verified":null,"federated_claims":{"connector_id":"d"}}`,
		`{"aud":null,"exp":-1e300}`, `[]`, `"`,
	} {
		f.Add("e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".e30")
	}
	f.Add("..")
	f.Fuzz(func(t *testing.T, token string) {
		who, err := readToken(token, defaultAudience, time.Unix(1e9, 0))
		if (err == nil) != (who != holder{}) || err == nil && (who.identity == "" || who.issuer == "" || who.subject == "") {
			t.Fatalf("%+v, %v", who, err)
		}
	})
}

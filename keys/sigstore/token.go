package sigstore

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// RunnerToken gives tokens of the CI runner that a program runs in, for
// [Config].Token: the one in SIGSTORE_ID_TOKEN, or that which GitHub's runner gives
// for ACTIONS_ID_TOKEN_REQUEST_URL and ACTIONS_ID_TOKEN_REQUEST_TOKEN, which a job
// with the permission "id-token: write" has. Getenv is os.Getenv.
func RunnerToken(getenv func(string) string) func(ctx context.Context, audience string) (string, error) {
	return func(ctx context.Context, audience string) (string, error) {
		if token := getenv("SIGSTORE_ID_TOKEN"); token != "" {
			return token, nil
		}
		address, secret := getenv("ACTIONS_ID_TOKEN_REQUEST_URL"), getenv("ACTIONS_ID_TOKEN_REQUEST_TOKEN")
		if address == "" || secret == "" {
			return "", errors.New("there is none: a CI runner has it in SIGSTORE_ID_TOKEN, or in ACTIONS_ID_TOKEN_REQUEST_URL and _TOKEN, which GitHub sets for jobs with the permission id-token: write")
		}
		u, err := parseURL(address)
		if err != nil {
			return "", fmt.Errorf("ACTIONS_ID_TOKEN_REQUEST_URL: %w", err)
		}
		query := u.Query()
		query.Set("audience", audience)
		u.RawQuery = query.Encode()
		runner := services{cfg: Config{Timeout: defaultTimeout}, client: clientOf(nil)}
		data, err := runner.exchange(ctx, http.MethodGet, u, http.Header{"Authorization": {"Bearer " + secret}}, nil)
		if err != nil {
			return "", fmt.Errorf("from the CI runner: %w", err)
		}
		var answer struct {
			Value string `json:"value"`
		}
		if json.Unmarshal(data, &answer) != nil || answer.Value == "" {
			return "", fmt.Errorf("from the CI runner: %w", errNonsense)
		}
		return answer.Value, nil
	}
}

// token is a token and whose it is.
func (s services) token(ctx context.Context) (string, holder, error) {
	token, err := s.cfg.Token(ctx, s.cfg.Audience)
	if err != nil {
		return "", holder{}, fmt.Errorf("OIDC token: %w", err)
	}
	token = strings.TrimSpace(token)
	who, err := readToken(token, s.cfg.Audience, time.Now())
	if err != nil {
		return "", holder{}, fmt.Errorf("OIDC token: %w", err)
	}
	return token, who, nil
}

// holder is whose a token is: what its certificate will say, and the subject that
// Fulcio wants a signature over.
type holder struct{ identity, issuer, subject string }

// claims are those that say so.
type claims struct {
	Issuer        string   `json:"iss"`
	Subject       string   `json:"sub"`
	Audience      audience `json:"aud"`
	Expires       float64  `json:"exp"`
	Email         string   `json:"email"`
	EmailVerified *bool    `json:"email_verified"`
	// Federated is where a broker, such as that of the public Sigstore, had the
	// person log in.
	Federated struct {
		Connector string `json:"connector_id"`
	} `json:"federated_claims"`
	GitHubWorkflow string `json:"job_workflow_ref"`
	GitLabConfig   string `json:"ci_config_ref_uri"`
}

// audience is one text or several.
type audience []string

func (a *audience) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(a))
}

const (
	gitHub = "https://token.actions.githubusercontent.com"
	gitLab = "https://gitlab.com"
)

// readToken reads a token, which nobody has verified: that is Fulcio's part. Its
// errors hold nothing of a token but the time at which it ended.
func readToken(token, audience string, now time.Time) (holder, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return holder{}, errNoToken
	}
	for _, part := range parts {
		if _, err := base64.RawURLEncoding.DecodeString(part); err != nil {
			return holder{}, errNoToken
		}
	}
	data, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var c claims
	if json.Unmarshal(data, &c) != nil {
		return holder{}, errNoToken
	}
	if ends := time.Unix(int64(c.Expires), 0); !now.Before(ends) {
		return holder{}, fmt.Errorf("it has expired at %s, and this machine's clock is at %s: take a new one", ends.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	if !slices.Contains(c.Audience, audience) {
		return holder{}, fmt.Errorf("it is not made for the audience %q: nothing was sent", audience)
	}
	who := holder{identity: c.Subject, issuer: c.Issuer, subject: c.Subject}
	switch {
	case c.Issuer == gitHub && c.GitHubWorkflow != "":
		who.identity = "https://github.com/" + c.GitHubWorkflow
	case c.Issuer == gitLab && c.GitLabConfig != "":
		who.identity = "https://" + c.GitLabConfig
	case c.Email != "":
		if c.EmailVerified != nil && !*c.EmailVerified {
			return holder{}, errors.New("its issuer has not verified the e-mail address that it holds")
		}
		who.identity, who.subject = c.Email, c.Email
	}
	if c.Federated.Connector != "" {
		who.issuer = c.Federated.Connector
	}
	if who.identity == "" || who.issuer == "" || who.subject == "" {
		return holder{}, errNoToken
	}
	return who, nil
}

var errNoToken = errors.New("it is not of the form of an OIDC token (JWT) that names its issuer and subject")

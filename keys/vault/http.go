package vault

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"example.org/rstuf/internal/quote"
)

const (
	// maxBody bounds an answer; a key with hundreds of versions fits.
	maxBody = 1 << 20
	// maxText bounds what an error repeats of it.
	maxText = 300
)

// do sends one request to the transit engine and decodes the answer's data.
func (cfg Config) do(ctx context.Context, method, path string, request, data any) error {
	base, err := url.Parse(cfg.Address)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		// Neither the address nor the parser's error, which repeats it: it may
		// hold a password.
		return errors.New("the vault's Address is no URL such as https://vault.example.com:8200")
	}
	var body io.Reader
	if request != nil {
		text, err := json.Marshal(request)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, base.JoinPath("v1", cfg.Mount, path).String(), body)
	if err != nil {
		return err
	}
	token, err := cfg.Token(ctx)
	if err != nil {
		return fmt.Errorf("token: %w", err)
	}
	req.Header.Set("X-Vault-Token", token)
	req.Header.Set("X-Vault-Request", "true")
	if cfg.Namespace != "" {
		req.Header.Set("X-Vault-Namespace", cfg.Namespace)
	}
	resp, err := cfg.HTTPClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return decode(resp, data)
}

// decode reads the answer's data, or its errors.
func decode(resp *http.Response, data any) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return err
	}
	var envelope struct {
		Data   json.RawMessage `json:"data"`
		Errors []string        `json:"errors"`
	}
	err = json.Unmarshal(text, &envelope)
	if resp.StatusCode != http.StatusOK {
		return statusError(resp, envelope.Errors)
	}
	if err == nil {
		err = json.Unmarshal(envelope.Data, data)
	}
	if err != nil {
		return fmt.Errorf("the server's answer is not what a transit engine sends: %w", err)
	}
	return nil
}

func statusError(resp *http.Response, messages []string) error {
	// The server's messages have several lines.
	text := quote.OneLine(strings.Join(messages, "; "), maxText)
	switch status := resp.StatusCode; status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return fmt.Errorf("the server redirects (%d): set Address to %.300q if you trust it", status, resp.Header.Get("Location"))
	case http.StatusForbidden:
		return fmt.Errorf("the server refuses (403): is the token valid, with read on keys/ and update on sign/? %s", text)
	case http.StatusNotFound:
		return fmt.Errorf("no such key or engine (404): are mount and name right? %s", text)
	case http.StatusServiceUnavailable:
		return fmt.Errorf("the server is sealed or down (503) %s", text)
	}
	return fmt.Errorf("the server answers %d: %s", resp.StatusCode, text)
}

package rstuftest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.org/rstuf/internal/wire"
	"example.org/rstuf/keys"
)

// Deployment is a service under test, or a proxy or gateway in front of one. It
// has not been bootstrapped.
type Deployment struct {
	// APIURL is where the API is, without /api/v1; MetadataURL where the files are.
	APIURL, MetadataURL string
	// HTTPClient reaches both; nil means a client of its own.
	HTTPClient *http.Client
	// Header goes along with all requests to the API, such as a gateway's token.
	Header http.Header
}

// TestService tests whether a service is RSTUF: it goes through the scenarios that
// were recorded with a deployed one (hash bins, custom delegations, a bootstrap
// with missing signatures), a subtest for each request, and compares status,
// message, error, fields and how tasks end. Where a deployed RSTUF errs, such as
// with a status 500, nothing is asked.
//
// Start is called for each scenario and starts a service that holds the online
// keys: roots name each by the URI fn: and its key id. Known has the subtests,
// SCENARIO/STEP, that are known to fail, with the reason, as in [TestDownloader].
func TestService(t *testing.T, start func(t *testing.T, online []*keys.Private) Deployment, known map[string]string) {
	answers, err := recordedAnswers()
	if err != nil {
		t.Fatal(err)
	}
	left := len(known)
	for _, scenario := range []struct {
		name string
		run  func(*session)
	}{{"hash-bins", (*session).hashBins}, {"distributed-signing", (*session).distributedSigning}, {"custom-delegations", (*session).customDelegations}} {
		t.Run(scenario.name, func(t *testing.T) {
			s := &session{T: t, name: scenario.name, answers: answers[scenario.name], known: known}
			for i := range 2 {
				key, err := keys.Generate(keys.Ed25519, fmt.Sprintf("online %d", i+1))
				if err != nil {
					t.Fatal(err)
				}
				s.online = append(s.online, key)
			}
			s.Deployment = start(t, s.online)
			s.client = plainClient(s.HTTPClient)
			defer s.client.CloseIdleConnections()
			scenario.run(s)
			left -= s.used
		})
	}
	if left > 0 {
		t.Errorf("%d of the known failures are no subtests", left)
	}
}

// plainClient shows redirects as they are.
func plainClient(given *http.Client) *http.Client {
	client := http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	if given != nil {
		client = *given
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &client
}

// session is one scenario under way.
type session struct {
	*testing.T
	Deployment
	name    string
	answers map[string]answer
	known   map[string]string
	used    int // of the known failures
	client  *http.Client
	online  []*keys.Private
}

// do sends a request as a subtest, and compares the answer, and the end of the task
// if there is one, with those of the recorded step. It returns the data.
func (s *session) do(step, method, path string, body any) (data json.RawMessage) {
	want, ok := s.answers[step]
	if !ok {
		s.Fatalf("no step %s was recorded", step)
	}
	name := s.name + "/" + step
	if s.known[name] != "" {
		s.used++
	}
	s.Run(step, func(t *testing.T) {
		var err error
		data, err = s.exchange(t.Context(), want, method, path, body)
		judge(t, name, err, s.known)
	})
	return data
}

// taskTime is how long a task may take.
const taskTime = 2 * time.Minute

func (s *session) exchange(ctx context.Context, want answer, method, path string, body any) (json.RawMessage, error) {
	got, data, err := s.send(ctx, method, path, body)
	if err != nil {
		return nil, err
	}
	var accepted wire.Accepted
	if want.Task != nil && got.Status == http.StatusAccepted {
		if err := json.Unmarshal(data, &accepted); err != nil {
			return data, err
		}
		if got.Task, err = s.wait(ctx, accepted.TaskID); err != nil {
			return data, err
		}
	}
	return data, got.differs(want)
}

// send sends one request.
func (s *session) send(ctx context.Context, method, path string, body any) (answer, json.RawMessage, error) {
	raw, isRaw := body.([]byte)
	if !isRaw && body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return answer{}, nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(s.APIURL, "/")+"/api/v1"+path, bytes.NewReader(raw))
	if err != nil {
		return answer{}, nil, err
	}
	for name, values := range s.Header {
		req.Header[name] = values
	}
	if len(raw) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return answer{}, nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err != nil {
		return answer{}, nil, err
	}
	return readAnswer(resp.StatusCode, text)
}

// wait asks for a task until it has ended.
func (s *session) wait(ctx context.Context, id string) (*ending, error) {
	ctx, cancel := context.WithTimeout(ctx, taskTime)
	defer cancel()
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, time.Second) {
		got, data, err := s.send(ctx, http.MethodGet, "/task/?task_id="+id, nil)
		if err != nil {
			return nil, err
		}
		if got.Status != http.StatusOK {
			return nil, fmt.Errorf("the task is answered with status %d", got.Status)
		}
		if end, ended := readEnding(data); ended {
			return end, nil
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, fmt.Errorf("the task has not ended in %s", taskTime)
		}
	}
}

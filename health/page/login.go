package page

import (
	"bytes"
	"crypto/rand"
	"html/template"
	"net/http"
	"sync"
	"time"
)

// Login lets those in who have a token. The token goes from a form to the service
// and never stands in a URL or a cookie.
type Login struct {
	// Title is the heading of the form.
	Title string
	// May tells whether somebody with the token may see the page.
	May func(r *http.Request, token string) bool
	// Page is the page that somebody with the token sees. It is called once for
	// each login.
	Page func(token string) http.Handler
	// Now is the time that sessions end by; the system's by default.
	Now func() time.Time
}

// How long somebody stays logged in, and how many are: who comes then has the
// oldest session ended.
const (
	sessionLife  = 12 * time.Hour
	mostSessions = 100
	mostToken    = 4096 // bytes of a form
)

type session struct {
	page  http.Handler
	until time.Time
}

type sessions struct {
	Login
	cross *http.CrossOriginProtection

	mu   sync.Mutex
	byID map[string]session
}

// NewLogin shows a form at "/", and what Login.Page gives to those who have
// logged in with it.
func NewLogin(login Login) http.Handler {
	if login.Now == nil {
		login.Now = time.Now
	}
	return &sessions{Login: login, cross: http.NewCrossOriginProtection(), byID: map[string]session{}}
}

func (s *sessions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	SetHeader(w.Header())
	if err := s.cross.Check(r); err != nil {
		http.Error(w, "a request from another web page is refused", http.StatusForbidden)
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /", "HEAD /":
		if page := s.page(r); page != nil {
			page.ServeHTTP(w, r)
			return
		}
		s.form(w, http.StatusOK, "")
	case "POST /login":
		s.login(w, r)
	case "POST /logout":
		s.end(w, r)
	default:
		http.NotFound(w, r)
	}
}

var loginPage = template.Must(template.Must(page.Clone()).New("login").Parse(loginText))

func (s *sessions) form(w http.ResponseWriter, status int, why string) {
	var b bytes.Buffer
	err := loginPage.Execute(&b, map[string]any{
		"Title": s.Title, "Why": why, "Style": template.CSS(style), "Policy": contentPolicy,
	})
	if err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

func (s *sessions) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, mostToken)
	token := r.PostFormValue("token")
	if token == "" || !s.May(r, token) {
		s.form(w, http.StatusForbidden, "This token is not known, or may not read.")
		return
	}
	id := rand.Text()
	s.mu.Lock()
	s.drop()
	s.byID[id] = session{s.Page(token), s.Now().Add(sessionLife)}
	s.mu.Unlock()
	http.SetCookie(w, s.cookie(r, id, int(sessionLife/time.Second)))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// drop ends the sessions whose time is over, and the oldest if there are many.
func (s *sessions) drop() {
	oldest := ""
	for id, one := range s.byID {
		if !s.Now().Before(one.until) {
			delete(s.byID, id)
		} else if oldest == "" || one.until.Before(s.byID[oldest].until) {
			oldest = id
		}
	}
	if len(s.byID) >= mostSessions {
		delete(s.byID, oldest)
	}
}

// cookieName says by its beginning, where browsers know it, that no other host
// and no page without TLS may have set it.
func cookieName(r *http.Request) string {
	if r.TLS != nil {
		return "__Host-rstuf"
	}
	return "rstuf"
}

func (s *sessions) cookie(r *http.Request, id string, age int) *http.Cookie {
	return &http.Cookie{Name: cookieName(r), Value: id, Path: "/", MaxAge: age, HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode}
}

// page is what a request's session shows; nil if it has none.
func (s *sessions) page(r *http.Request) http.Handler {
	cookie, err := r.Cookie(cookieName(r))
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.byID[cookie.Value]
	if !ok || !s.Now().Before(found.until) {
		return nil
	}
	return found.page
}

func (s *sessions) end(w http.ResponseWriter, r *http.Request) {
	if cookie, err := r.Cookie(cookieName(r)); err == nil {
		s.mu.Lock()
		delete(s.byID, cookie.Value)
		s.mu.Unlock()
	}
	http.SetCookie(w, s.cookie(r, "", -1))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

package transport

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
)

// parseBase checks a URL that other URLs are made from. It returns it without
// a slash at its end and without user and password, and these as a value of
// the Authorization header. What is percent-encoded in its path stays so: an
// encoded slash is a part of a name.
func parseBase(text string) (base *url.URL, auth string, err error) {
	base, err = url.Parse(text)
	if err != nil {
		// The parser's own error repeats the URL, with the password in it.
		return nil, "", fmt.Errorf("base URL: not a URL; it has the form https://host/path")
	}
	switch {
	case base.Scheme == "file":
		if base.Host != "" && base.Host != "localhost" || base.Path == "" {
			return nil, "", fmt.Errorf("base URL %s: a folder of this machine has the form file:///path", base.Redacted())
		}
	case base.Scheme != "http" && base.Scheme != "https":
		return nil, "", fmt.Errorf("base URL %s: it must start with https://, http:// or file:///", base.Redacted())
	case base.Hostname() == "":
		return nil, "", fmt.Errorf("base URL %s: it names no host", base.Redacted())
	}
	if base.RawQuery != "" || base.Fragment != "" {
		return nil, "", fmt.Errorf("base URL %s: it can't have a query or a fragment", base.Redacted())
	}
	if base.User != nil {
		password, _ := base.User.Password()
		auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(base.User.Username()+":"+password))
		base.User = nil
	}
	base.RawPath = strings.TrimRight(base.EscapedPath(), "/")
	base.Path, err = url.PathUnescape(base.RawPath)
	return base, auth, err
}

// escapePath makes a URL's path of one whose elements are separated by "/".
func escapePath(path string) string {
	return strings.TrimPrefix((&url.URL{Path: "/" + path}).EscapedPath(), "/")
}

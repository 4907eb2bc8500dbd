// More names for one cluster: whatever is asked below /clusters/NAME is answered as if NAME were not there.
// So thousands of accounts, each with a server URL of its own, need no thousand servers.
package main

import (
	"net/http"
	"net/url"
	"strings"
)

const aliasPrefix = "/clusters/"

// underAliases lets chain answer below every alias, too.
func underAliases(chain http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, found := withoutAlias(r.URL.Path)
		if !found {
			chain.ServeHTTP(w, r)
			return
		}
		// What is escaped is a name in a path; an alias needs no escaping.
		raw, _ := withoutAlias(r.URL.RawPath)
		direct := new(http.Request)
		*direct = *r
		direct.URL = new(url.URL)
		*direct.URL = *r.URL
		direct.URL.Path, direct.URL.RawPath = path, raw
		direct.RequestURI = direct.URL.RequestURI()
		chain.ServeHTTP(w, direct)
	})
}

// withoutAlias returns what follows /clusters/NAME in path, at least "/".
func withoutAlias(path string) (string, bool) {
	alias, found := strings.CutPrefix(path, aliasPrefix)
	if !found || alias == "" || alias[0] == '/' {
		return "", false
	}
	_, rest, _ := strings.Cut(alias, "/")
	return "/" + rest, true
}

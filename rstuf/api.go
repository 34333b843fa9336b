package main

// apiFlags say which API to talk to, and how.
type apiFlags struct {
	server  string
	headers string
	token   secretFlags
}

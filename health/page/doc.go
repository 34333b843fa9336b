// Package page shows a report of package health as one HTML page, without
// script or anything from elsewhere: the tree of trust, a time line of lives and
// of the roots, what to do, and all the tables.
//
// [Write] makes a file of a report. [NewHandler] shows a repository live, and
// looks artifacts up.
//
// # What the package promises
//
// Names and messages of strangers do nothing: html/template escapes their markup,
// and what would reorder or hide the text around it is quoted. The page asks for
// no other file, from nowhere; a policy in it (CSP) has the browser hold to that.
// It can be read at 360 pixels and by a screen reader: what the pictures show
// stands in the tables too, and no colour alone says anything. It says where
// everything was read, and whether it was verified.
package page

package service

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"example.org/rstuf/internal/quote"
)

// workerSchemes are the key URIs that RSTUF's worker opens beside fn:.
var workerSchemes = []string{"awskms", "gcpkms", "azurekms", "hv", "hsm", "file2"}

// leave says what is not carried along.
func (e *exporter) leave() {
	e.left("The private online key. %s", e.whereKey())
	if n := len(e.s.files.passed); n > 0 {
		e.left("Files that a crash left and nothing names: %d. Others with the same names come, so empty the caches in front of the metadata.", n)
	}
	e.left("Versions of metadata that the current snapshot does not name, but for roots.")
	e.left("Tasks and their results, and what was told of events.")
	e.left("Tokens, limits and all else that the service was started with: the deployed API asks nobody who they are, so put a proxy in front.")
	e.left("The artifacts themselves: they stay where they are served.")
}

// whereKey says where the worker finds the online key.
func (e *exporter) whereKey() string {
	uri := e.done.OnlineKey
	scheme, rest, _ := strings.Cut(uri, ":")
	switch {
	case uri == "":
		return "Root has no URI for it, and the worker finds no key without: publish a next root that has one (rstuf admin metadata update --online-key-uri), and export anew."
	case scheme == "fn":
		return quote.Sprintf("Root says %s: the worker reads it from the file %s in its RSTUF_ONLINE_KEY_DIR, as PKCS#8 PEM without a password (rstuf key convert --to private --plain).", uri, rest)
	case slices.Contains(workerSchemes, scheme):
		return quote.Sprintf("Root says %s: the worker opens it by that, and needs access.", uri)
	}
	return quote.Sprintf("Root says %s, which no worker can open: publish a next root with another online key or URI, and export anew.", uri)
}

const readmeText = `# A repository for a deployed RSTUF

It was exported from an embedded service: root version %d, timestamp version %d, %s,
%s in the table of roles, %s. Root, keys and versions go on, so clients notice nothing. The tables
and settings are those of RSTUF's worker 1.0.

| file | goes into |
| --- | --- |
| metadata/ | the worker's storage: the folder RSTUF_LOCAL_STORAGE_BACKEND_PATH, or the bucket |
| tables.sql | PostgreSQL, by psql |
| settings.redis | Redis, database 1, by redis-cli |

## Not in here

%s
## Loading it

The embedded service must never run again on this repository: two that sign with one online key publish two
histories. Load everything before the worker and the API of the deployment start; a store that holds a repository
already is left as it is.

1. Give the worker the online key, as said above.
2. Copy the files, as the user that the worker runs as:

       cp metadata/* "$RSTUF_LOCAL_STORAGE_BACKEND_PATH"/

3. Load the tables, in one transaction. They are made if the worker has not done so:

       psql -X -q -d DATABASE -f tables.sql

4. Load the settings. The last line printed must be 1; it is 0 where there were settings already:

       redis-cli -e <settings.redis

5. Start the worker, the API and the web server, and look at the repository from outside:

       rstuf doctor METADATA-URL --root metadata/%d.root.json

   Within five minutes the worker signs what ends within the hour.
%s`

func (e *exporter) readme(w io.Writer) error {
	d := e.done
	var list strings.Builder
	for _, line := range d.Left {
		fmt.Fprintf(&list, "- %s\n", line)
	}
	var waits string
	if d.Unpublished > 0 {
		waits += fmt.Sprintf("\nNot published yet: %s of artifacts. The deployment publishes that when it is asked to:\n\n    rstuf artifact --api-server API-URL publish\n", quote.Count(d.Unpublished, "change"))
	}
	if len(d.Signing) > 0 {
		waits += quote.Sprintf("\nThese roles go on waiting for signatures: %s.\n", strings.Join(d.Signing, ", "))
	}
	_, err := fmt.Fprintf(w, readmeText, d.Root, d.Timestamp, quote.Count(d.Files, "metadata file"),
		quote.Count(d.Roles, "row"), quote.Count(d.Artifacts, "artifact"), list.String(), d.Root, waits)
	return err
}

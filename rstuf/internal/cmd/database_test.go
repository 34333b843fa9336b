package cmd

import (
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"example.org/rstuf/service"
)

// fakeDatabase answers each query with the rows and gives its URI. It asks for a
// password, which must be dbsecret. .ci/interop-cli has a real one.
func fakeDatabase(t *testing.T, rows [][]string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				answerQueries(conn, rows)
			}()
		}
	}()
	return "postgresql+psycopg2://rstuf@" + listener.Addr().String() + "/rstuf?sslmode=disable"
}

// answerQueries is one connection, until the client ends it.
func answerQueries(conn net.Conn, rows [][]string) {
	backend := pgproto3.NewBackend(conn, conn)
	if _, err := backend.ReceiveStartupMessage(); err != nil {
		return
	}
	backend.Send(&pgproto3.AuthenticationCleartextPassword{})
	_ = backend.SetAuthType(pgproto3.AuthTypeCleartextPassword)
	if backend.Flush() != nil {
		return
	}
	for {
		message, err := backend.Receive()
		if err != nil {
			return
		}
		switch message := message.(type) {
		case *pgproto3.PasswordMessage:
			if message.Password != "dbsecret" {
				backend.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01", Message: "wrong password"})
				_ = backend.Flush()
				return
			}
			backend.Send(&pgproto3.AuthenticationOk{})
			backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		case *pgproto3.Parse:
			if message.Query != selectUnpublished {
				backend.Send(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "42601", Message: "another query"})
			}
		case *pgproto3.Execute:
			fields := make([]pgproto3.FieldDescription, 4)
			backend.Send(&pgproto3.ParseComplete{})
			backend.Send(&pgproto3.BindComplete{})
			backend.Send(&pgproto3.RowDescription{Fields: fields})
			for _, row := range rows {
				values := make([][]byte, len(row))
				for i, text := range row {
					values[i] = []byte(text)
				}
				backend.Send(&pgproto3.DataRow{Values: values})
			}
			backend.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT")})
		case *pgproto3.Sync:
			backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		}
		if _, ends := message.(*pgproto3.Terminate); ends || backend.Flush() != nil {
			return
		}
	}
}

// What a deployed RSTUF's database has not published is read row by row, and what
// makes no sense there is an error.
func TestUnpublishedInDatabase(t *testing.T) {
	t.Parallel()
	info := `{"length": 1, "hashes": {"sha256": "` + strings.Repeat("ab", 32) + `"}}`
	flags := func(uri, password string) *databaseFlags {
		return &databaseFlags{uri, secretFlags{name: "db-password", command: "echo " + password, fd: -1}}
	}
	uri := fakeDatabase(t, [][]string{{"a", info, "ADD", "t"}, {"b", info, "ADD", "f"}, {"c", info, "REMOVE", "t"}, {"d", info, "REMOVE", ""}})
	list, left, err := flags(uri, "dbsecret").unpublished(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []service.Unpublished{{Path: "a", Info: []byte(info)}, {Path: "c"}}, list)
	assert.Equal(t, 2, left)

	_, _, err = flags(uri, "wrong").unpublished(t.Context())
	require.ErrorContains(t, err, "database: ")
	assert.NotContains(t, err.Error(), "dbsecret")
	_, _, err = flags(fakeDatabase(t, [][]string{{"a", info, "MOVE", "t"}}), "dbsecret").unpublished(t.Context())
	assert.ErrorContains(t, err, `the action of artifact "a" is "MOVE"`)
}

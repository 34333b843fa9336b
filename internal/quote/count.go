package quote

import "fmt"

// Count is a number of things: "1 artifact", "2 artifacts".
func Count[N int | int64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// The oracle: what goose makes of migrations, said by goose's own code. It is built as a
// part of goose's module.
//
// Questions come from standard input. Each is a letter, a length in bytes, a line feed and
// that many bytes: with `f` they are a file's content, with `d` the path of a folder. For
// each, one line of JSON goes out: why it is refused, or what is accepted.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/internal/sqlparser"
)

type answer struct {
	Refused       string   `json:"refused,omitempty"`
	InTransaction bool     `json:"in_transaction"`
	Statements    [][]byte `json:"statements"`
	Versions      []int64  `json:"versions"`
}

func main() {
	in, out := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var kind rune
		var length int
		if _, err := fmt.Fscanf(in, "%c%d\n", &kind, &length); err != nil {
			return
		}
		text := make([]byte, length)
		if _, err := io.ReadFull(in, text); err != nil {
			panic(err)
		}
		read := file
		if kind == 'd' {
			read = folder
		}
		if err := out.Encode(read(text)); err != nil {
			panic(err)
		}
	}
}

func file(content []byte) answer {
	statements, inTransaction, err := sqlparser.ParseSQLMigration(bytes.NewReader(content), sqlparser.DirectionUp, false)
	if err != nil {
		return answer{Refused: err.Error()}
	}
	result := answer{InTransaction: inTransaction, Statements: [][]byte{}}
	for _, statement := range statements {
		result.Statements = append(result.Statements, []byte(statement))
	}
	return result
}

// What `goose up` would find, and come to, on an empty database.
func folder(path []byte) (result answer) {
	// On a version that occurs twice goose panics.
	defer func() {
		if why := recover(); why != nil {
			result = answer{Refused: fmt.Sprint(why)}
		}
	}()
	found, err := goose.CollectMigrations(string(path), 0, goose.MaxVersion)
	if err != nil {
		return answer{Refused: err.Error()}
	}
	for _, one := range found {
		if filepath.Ext(one.Source) == ".go" {
			return answer{Refused: one.Source + " is not registered"}
		}
		content, err := os.ReadFile(one.Source)
		if err != nil {
			return answer{Refused: err.Error()}
		}
		if parsed := file(content); parsed.Refused != "" {
			return parsed
		}
		result.Versions = append(result.Versions, one.Version)
	}
	return result
}

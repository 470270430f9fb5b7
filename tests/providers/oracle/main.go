// The oracle: reads provider configs as the application does, with its YAML library and
// its rules, and answers what they come to.
//
// Texts come from standard input, each as its length in bytes, a line feed and the bytes.
// For each, one line of JSON goes out: why it is refused, or what is read.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"gopkg.in/yaml.v3"
)

type config struct {
	DefaultAPI string              `yaml:"default_api"`
	APIs       map[string]provider `yaml:"apis"`
}

type provider struct {
	BaseURL          string   `yaml:"base_url"`
	AllowedEndpoints []string `yaml:"allowed_endpoints"`
	AllowedMethods   []string `yaml:"allowed_methods"`
	Timeouts         struct {
		Request        time.Duration `yaml:"request"`
		ResponseHeader time.Duration `yaml:"response_header"`
		IdleConnection time.Duration `yaml:"idle_connection"`
		FlushInterval  time.Duration `yaml:"flush_interval"`
	} `yaml:"timeouts"`
	Connection struct {
		MaxIdleConns        int `yaml:"max_idle_conns"`
		MaxIdleConnsPerHost int `yaml:"max_idle_conns_per_host"`
	} `yaml:"connection"`
	ParamWhitelist  map[string][]string `yaml:"param_whitelist"`
	AllowedOrigins  []string            `yaml:"allowed_origins"`
	RequiredHeaders []string            `yaml:"required_headers"`
}

type answer struct {
	Refused string  `json:"refused,omitempty"`
	Reading *config `json:"reading,omitempty"`
}

func main() {
	in, out := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var length int
		if _, err := fmt.Fscanf(in, "%d\n", &length); err != nil {
			return
		}
		text := make([]byte, length)
		if _, err := io.ReadFull(in, text); err != nil {
			panic(err)
		}
		if err := out.Encode(read(text)); err != nil {
			panic(err)
		}
	}
}

func read(text []byte) (result answer) {
	// On some odd keys the library panics, and the application with it.
	defer func() {
		if why := recover(); why != nil {
			result = answer{Refused: fmt.Sprint(why)}
		}
	}()
	var found config
	if err := yaml.Unmarshal(text, &found); err != nil {
		return answer{Refused: err.Error()}
	}
	if refused := refuse(found); refused != "" {
		return answer{Refused: refused}
	}
	return answer{Reading: &found}
}

// What the application refuses of what its YAML library accepts; nothing if it doesn't.
func refuse(found config) string {
	if len(found.APIs) == 0 {
		return "no provider"
	}
	if _, known := found.APIs[found.DefaultAPI]; !known && found.DefaultAPI != "" {
		return "default_api names no provider"
	}
	for name, one := range found.APIs {
		if one.BaseURL == "" || len(one.AllowedEndpoints) == 0 || len(one.AllowedMethods) == 0 {
			return name + " misses a required key"
		}
	}
	return ""
}

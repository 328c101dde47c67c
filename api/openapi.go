package api

import (
	_ "embed"
	"net/http"
)

// openapiDocument describes every route in OpenAPI 3.1. It is made of the routes and of the types that they answer
// with by TestTheDocumentIsWhatTheCodeSays, which also keeps it so.
//
//go:generate go test -run ^TestTheDocumentIsWhatTheCodeSays$ -update .
//go:embed openapi.json
var openapiDocument []byte

func (h *Handler) openapi(w http.ResponseWriter, r *http.Request) {
	writeTagged(w, r, "application/json", openapiDocument)
}

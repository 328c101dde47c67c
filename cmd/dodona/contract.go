package main

import (
	"errors"
	"time"

	"github.com/dodona-oracle/dodona/internal/ethrpc"
	"github.com/dodona-oracle/dodona/internal/httpc"
	"github.com/dodona-oracle/dodona/internal/secret"
)

type contractCommand struct {
	Deploy contractDeployCommand `cmd:"" help:"Deploy the contract that takes a network's answers."`
	Show   contractShowCommand   `cmd:"" help:"Show whose a contract is and what it holds."`
}

// rpcFlags say which chain; an endpoint with a password in its path belongs in a file.
type rpcFlags struct {
	RPC     string        `name:"rpc" help:"JSON-RPC endpoint of the chain, http or https." placeholder:"URL"`
	RPCFile string        `name:"rpc-file" help:"File that holds the endpoint, if it is secret." placeholder:"FILE"`
	Timeout time.Duration `help:"Give up after this long." default:"3m"`
	JSON    bool          `name:"json" help:"Print JSON."`
}

func (f rpcFlags) client() (*ethrpc.Client, error) {
	url := f.RPC
	if f.RPCFile != "" {
		text, err := secret.String{File: f.RPCFile}.Reveal()
		if err != nil {
			return nil, err
		}
		url = text
	}
	if url == "" {
		return nil, failure{exitUsage, errors.New("which chain? give --rpc URL or --rpc-file FILE")}
	}
	return ethrpc.NewClient(ethrpc.Options{URLs: []string{url}, Route: httpc.Route{Proxy: httpc.Proxy{URL: httpc.Environment}}})
}

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"golang.org/x/oauth2"
)

// Problem is why there is no token: Postern's problem document.
type Problem struct {
	Code       string `json:"code"`
	Detail     string `json:"detail"`
	Reason     string `json:"reason"`      // of a 401: why the user must connect again
	StartURL   string `json:"start_url"`   // the page where the user does so
	RetryAfter int    `json:"retry_after"` // seconds, if it will pass by itself; else 0
}

func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// Question is what `access-token` is asked: by user ID or by receipt.
type Question struct {
	UserID        string `json:"user_id,omitempty"`
	Receipt       string `json:"receipt,omitempty"`
	MinTTLSeconds int    `json:"min_ttl_seconds,omitempty"`
	RefusedToken  string `json:"refused_token,omitempty"`
}

// Answer is a user's access token. Never store or log it: asking again is cheap.
type Answer struct {
	AccessToken string                     `json:"access_token"`
	ExpiresAt   *int64                     `json:"expires_at"` // nil if Google did not say
	User        struct{ ID, Email string } `json:"user"`
	Origin      *string                    `json:"origin"` // of a receipt: the page; nil if none got it
}

// Postern invokes the function `access-token`.
type Postern struct{ functions *lambda.Client }

// Open takes region and credentials from the environment, as every AWS client does.
func Open(ctx context.Context) (*Postern, error) {
	settings, err := config.LoadDefaultConfig(ctx)
	return &Postern{lambda.NewFromConfig(settings, elsewhere)}, err
}

// elsewhere is for tests. Since November 2023 the SDK itself reads this variable, so with a newer
// one you do not need this function.
func elsewhere(options *lambda.Options) {
	if url := os.Getenv("AWS_ENDPOINT_URL_LAMBDA"); url != "" {
		options.EndpointResolver = lambda.EndpointResolverFromURL(url)
	}
}

// Ask invokes the function. An error of it that says what to do is a *Problem.
func (p *Postern) Ask(ctx context.Context, question Question) (*Answer, error) {
	payload, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	// The stack's output AccessTokenFunction. The role of this process must be in BackEndRoleArns.
	name := aws.String(os.Getenv("POSTERN_FUNCTION"))
	output, err := p.functions.Invoke(ctx, &lambda.InvokeInput{FunctionName: name, Payload: payload})
	if err != nil {
		return nil, err
	}
	if output.FunctionError != nil {
		// The function was stopped or broke before it could answer; Lambda says why.
		return nil, fmt.Errorf("access-token failed: %s", output.Payload)
	}
	var answer struct {
		Answer
		Problem
	}
	if err := json.Unmarshal(output.Payload, &answer); err != nil {
		return nil, err
	}
	if answer.Code != "" {
		return nil, &answer.Problem
	}
	return &answer.Answer, nil
}

// Mailbox is the token source of one user, for Google's library. It keeps the token in memory.
type Mailbox struct {
	postern *Postern
	userID  string
	mutex   sync.Mutex
	token   oauth2.Token
}

// Token asks for a token that lasts for some work, not just for one call.
func (m *Mailbox) Token() (*oauth2.Token, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if !m.token.Valid() {
		// Never again for the one that it had: Gmail may have refused it.
		question := Question{UserID: m.userID, MinTTLSeconds: 600, RefusedToken: m.token.AccessToken}
		answer, err := m.postern.Ask(context.Background(), question)
		if err != nil {
			return nil, err
		}
		expiry := time.Now().Add(time.Minute)
		if answer.ExpiresAt != nil {
			expiry = time.Unix(*answer.ExpiresAt, 0)
		}
		m.token = oauth2.Token{AccessToken: answer.AccessToken, Expiry: expiry}
	}
	token := m.token
	return &token, nil
}

// Refused ends the token: Gmail refused it before its time.
func (m *Mailbox) Refused() {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.token.Expiry = time.Now()
}

// What a back end does with Postern, as three commands: trade, unread, event.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"

	"google.golang.org/api/gmail/v1"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"
)

// trade: the page sent its receipt with a request of a user of yours. Whose mailbox is it?
func trade(ctx context.Context, postern *Postern, receipt string) error {
	// The origin of your page. Without it, receipts would pass that no page asked for.
	page := os.Getenv("APP_ORIGIN")
	if page == "" {
		return errors.New("set APP_ORIGIN to the origin of your page")
	}
	answer, err := postern.Ask(ctx, Question{Receipt: receipt})
	if err != nil {
		return err
	}
	// Another front end of the same Postern gets receipts, too. Accept only those of your own page.
	if answer.Origin == nil {
		return errors.New("refused: the receipt is for no page")
	}
	if *answer.Origin != page {
		return fmt.Errorf("refused: the receipt is for %s", *answer.Origin)
	}
	// Store this ID with your user. It is all that you need from now on.
	fmt.Printf("%s is %s\n", answer.User.ID, answer.User.Email)
	return nil
}

// unread: the subjects of the newest unread messages, whether or not the user is there.
func unread(ctx context.Context, mailbox *Mailbox) error {
	options := []option.ClientOption{option.WithTokenSource(mailbox)}
	// For tests, with a fake Google. Without it, this is Gmail.
	if endpoint := os.Getenv("GMAIL_ENDPOINT"); endpoint != "" {
		options = append(options, option.WithEndpoint(endpoint))
	}
	service, err := gmail.NewService(ctx, options...)
	if err != nil {
		return err
	}
	messages := service.Users.Messages
	listed, err := messages.List("me").Q("is:unread").MaxResults(3).Context(ctx).Do()
	if err != nil {
		return err
	}
	for _, message := range listed.Messages {
		get := messages.Get("me", message.Id).Format("metadata").MetadataHeaders("Subject")
		found, err := get.Context(ctx).Do()
		if err != nil {
			return err
		}
		subject := "(no subject)"
		for _, header := range found.Payload.Headers {
			subject = header.Value
		}
		fmt.Println(subject)
	}
	return nil
}

// Event is what an EventBridge rule passes to a Lambda function.
type Event struct {
	DetailType string `json:"detail-type"`
	Detail     struct {
		User   struct{ ID string }
		Reason string
	}
}

// event is the handler of that function; give it to lambda.Start of aws-lambda-go.
func event(_ context.Context, event Event) error {
	user := event.Detail.User.ID
	switch event.DetailType {
	case "Gmail Lapsed":
		fmt.Printf("pause the jobs of %s and ask them to connect again: %s\n", user, event.Detail.Reason)
	case "Gmail Grant Ends Soon":
		fmt.Printf("ask %s to connect again: the grant ends soon\n", user)
	case "Gmail Disconnected":
		fmt.Printf("delete what you keep of the mailbox of %s\n", user)
	case "Gmail Connected", "Gmail Reconnected":
		fmt.Printf("start the jobs of %s\n", user)
	}
	return nil
}

func run(ctx context.Context, command string, arguments []string) error {
	if command == "event" {
		var what Event
		if err := json.NewDecoder(os.Stdin).Decode(&what); err != nil {
			return err
		}
		return event(ctx, what)
	}
	postern, err := Open(ctx)
	if err != nil {
		return err
	}
	if command == "trade" {
		return trade(ctx, postern, arguments[0])
	}
	mailbox := &Mailbox{postern: postern, userID: arguments[0]}
	err = unread(ctx, mailbox)
	var answer *googleapi.Error
	if errors.As(err, &answer) && answer.Code == http.StatusUnauthorized {
		// Gmail refused the token before its end. Try once more, with another.
		mailbox.Refused()
		err = unread(ctx, mailbox)
	}
	return err
}

// explain says what to do about an error.
func explain(err error) string {
	var problem *Problem
	switch {
	case errors.As(err, &problem) && problem.StartURL != "":
		// Only the user can help. Show this link on a page of yours.
		why := problem.Reason
		if why == "" {
			why = problem.Code
		}
		return fmt.Sprintf("connect Gmail again (%s): %s", why, problem.StartURL)
	case errors.As(err, &problem) && problem.RetryAfter > 0:
		// Put the job back into its queue. Until then the answer stays the same.
		return fmt.Sprintf("try again in %d s: %s", problem.RetryAfter, problem.Code)
	}
	return err.Error()
}

func main() {
	if err := run(context.Background(), os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, explain(err))
		os.Exit(1)
	}
}

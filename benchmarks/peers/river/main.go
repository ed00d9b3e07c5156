// River: seven jobs, each of which inserts the next one; finished ones are completed in batches, as River does by itself.
//
//	river prepare URL JOBS   migrates the database and inserts each job's first step
//	river work URL           does what is there until it is killed
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

const (
	steps        = 7
	atOnce       = 100
	connections  = 25
	insertAtOnce = 1000
)

type stepArgs struct {
	Number int `json:"number"`
}

func (stepArgs) Kind() string { return "step" }

type stepWorker struct {
	river.WorkerDefaults[stepArgs]
}

// Work succeeds at once and lets the next step of the job follow.
func (*stepWorker) Work(ctx context.Context, job *river.Job[stepArgs]) error {
	if job.Args.Number+1 == steps {
		return nil
	}
	_, err := river.ClientFromContext[pgx.Tx](ctx).Insert(ctx, stepArgs{Number: job.Args.Number + 1}, nil)
	return err
}

func main() {
	if err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, role, url string, more []string) error {
	configured, err := pgxpool.ParseConfig(url)
	if err != nil {
		return err
	}
	configured.MaxConns = connections
	pool, err := pgxpool.NewWithConfig(ctx, configured)
	if err != nil {
		return err
	}
	defer pool.Close()
	workers := river.NewWorkers()
	river.AddWorker(workers, &stepWorker{})
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Logger:            slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: atOnce}},
		FetchCooldown:     2 * time.Millisecond,
		FetchPollInterval: 20 * time.Millisecond,
		Workers:           workers,
	})
	if err != nil {
		return err
	}
	if role == "work" {
		if err := client.Start(ctx); err != nil {
			return err
		}
		select {} // until it is killed
	}
	jobs, err := strconv.Atoi(more[0])
	if err != nil {
		return err
	}
	return prepare(ctx, pool, client, jobs)
}

func prepare(ctx context.Context, pool *pgxpool.Pool, client *river.Client[pgx.Tx], jobs int) error {
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	for jobs > 0 {
		some := make([]river.InsertManyParams, min(jobs, insertAtOnce))
		for place := range some {
			some[place] = river.InsertManyParams{Args: stepArgs{Number: 0}}
		}
		if _, err := client.InsertMany(ctx, some); err != nil {
			return err
		}
		jobs -= len(some)
	}
	return nil
}

//go:build integration

package sql

import "testing"

// TestDatabases holds what is true of each database, on one server of each.
func TestDatabases(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB) *peer{
		"PostgreSQL": func(t testing.TB) *peer { return startPostgres(t) },
		"MariaDB":    func(t testing.TB) *peer { return startMariaDB(t) },
		"SQLite":     startSQLite,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t)
			for _, c := range []struct {
				claim string
				holds func(*testing.T, *peer)
			}{
				{"EveryTypeIsExact", everyTypeIsExact},
				{"TheLatestRowsAreItems", theLatestRowsAreItems},
				{"WhatIsWrongWithAQueryIsTold", whatIsWrongWithAQueryIsTold},
				{"TheSessionOnlyReads", theSessionOnlyReads},
				{"AStatementEndsInTime", aStatementEndsInTime},
				{"AServerThatSaysNothingIsLeft", aServerThatSaysNothingIsLeft},
				{"AConnectionThatEndedIsMadeAnewAtOnce", aConnectionThatEndedIsMadeAnewAtOnce},
				{"RowsOfOneInstantAreEachReadOnce", rowsOfOneInstantAreEachReadOnce},
				{"WhatWasNotJournaledIsReadAgainAndNothingElse", whatWasNotJournaledIsReadAgainAndNothingElse},
				{"RowsThatCommitLateAreReadOnce", rowsThatCommitLateAreReadOnce},
				{"LookBackOfNumbersFindsGapsThatFill", lookBackOfNumbersFindsGapsThatFill},
				{"AWindowOfMoreRowsThanAreRememberedRepeatsNothing", aWindowOfMoreRowsThanAreRememberedRepeatsNothing},
				{"RowsThatAreTooLargeAreSteppedOverAndCounted", rowsThatAreTooLargeAreSteppedOverAndCounted},
				{"RowsThatWouldBeLostAreTold", rowsThatWouldBeLostAreTold},
				{"WatermarksOfEveryOrderedTypeGoOn", watermarksOfEveryOrderedTypeGoOn},
			} {
				t.Run(c.claim, func(t *testing.T) {
					t.Parallel()
					c.holds(t, p)
				})
			}
		})
	}
}

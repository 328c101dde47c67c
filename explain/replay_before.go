package explain

import (
	"context"
	"slices"

	"github.com/dodona-oracle/dodona/feed"
)

// madeBefore is said of a bundle that differs for nothing but what a rule without a pointer takes.
const madeBefore = "it differs for one reason alone: a rule without a pointer finds no value here, where something else may be meant. " +
	"Builds from before that took the only number of a document whatever stood beside it, and computed so every step is the same: " +
	"such a build may have made this bundle, and nothing in it need have been changed since. To tell, ask which build the node ran in that round, " +
	"or replay the bundle with a build of that time, which says the same. What was signed may be an error's number: the point above says which"

// lookBefore says whether the bundle is what builds made that took the only number of a document by a rule without a pointer.
func (p *replay) lookBefore(ctx context.Context, doc feed.Document) {
	first, differs := p.Differs()
	if !differs || first.Name != StepPoints || p.before == nil {
		return
	}
	was := replay{bundle: p.bundle}
	was.against(was.compute(ctx, doc, p.before))
	if ctx.Err() == nil && !slices.ContainsFunc(was.Steps, func(s Step) bool { return !s.Same }) {
		p.Before = madeBefore
	}
}

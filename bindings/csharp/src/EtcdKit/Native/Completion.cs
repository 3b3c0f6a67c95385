using System.Threading;
using System.Threading.Tasks;

namespace EtcdKit.Native;

/// <summary>
/// Somebody who waits for a call. Completed exactly once, by a thread of the core, which must get away at once: no
/// code of the user and no continuation runs on it.
/// </summary>
internal abstract class Completion
{
    internal abstract void Complete(in Outcome outcome);
}

/// <summary>A task that waits.</summary>
internal sealed class TaskCompletion : Completion
{
    private readonly TaskCompletionSource<Outcome> _source = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal Task<Outcome> Task => _source.Task;

    internal override void Complete(in Outcome outcome) => _source.TrySetResult(outcome);
}

/// <summary>A thread that waits. It needs no thread of the pool to go on, so a pool without free threads cannot hang it.</summary>
internal sealed class ThreadCompletion : Completion
{
    private Outcome _outcome;
    private bool _completed;

    internal override void Complete(in Outcome outcome)
    {
        lock (this)
        {
            _outcome = outcome;
            _completed = true;
            Monitor.Pulse(this);
        }
    }

    internal Outcome Wait()
    {
        lock (this)
        {
            while (!_completed) Monitor.Wait(this);
            return _outcome;
        }
    }
}

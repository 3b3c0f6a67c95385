import io.etcdkit.Watch;
import io.etcdkit.common.exception.CompactedException;
import io.etcdkit.options.WatchOption;
import io.etcdkit.watch.WatchResponse;

/** A watch whose answer, events and end are told as lines. */
final class Watching implements Watch.Listener {
    private final Driver driver;
    private final Line line;
    private Watch.Watcher watcher;
    private boolean created;
    private boolean told;
    private int batch;

    Watching(Driver driver, Line line) {
        this.driver = driver;
        this.line = line;
    }

    void begin(Watch watch) {
        WatchOption.Builder option =
                WatchOption.builder()
                        .withCreateNotify(true)
                        .withRevision(line.number("from", 0))
                        .withPrevKV(line.has("prev"))
                        .withNoPut(line.has("noput"))
                        .withNoDelete(line.has("nodelete"));
        if (line.has("end")) {
            option.withRange(line.bytes("end"));
        }
        watcher = watch.watch(line.bytes("key"), option.build(), this);
    }

    void end() {
        watcher.close();
    }

    @Override
    public void onNext(WatchResponse response) {
        if (response.isCreatedNotify()) {
            created = true;
            driver.tell(line.ok(Answers.revision(response)));
            return;
        }
        batch++;
        Answers.events(line.id, batch, response).forEach(driver::tell);
    }

    @Override
    public void onError(Throwable error) {
        told = true;
        if (error instanceof CompactedException) {
            long revision = ((CompactedException) error).getCompactedRevision();
            driver.tell(line.id + " canceled compact=" + revision);
        } else if (created) {
            driver.tell(line.id + " end");
        } else {
            driver.tell(Answers.failure(line, error));
        }
    }

    @Override
    public void onCompleted() {
        if (!told) {
            driver.tell(line.id + " end");
        }
    }
}

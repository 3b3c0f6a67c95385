package io.etcdkit;

import io.etcdkit.watch.WatchResponse;
import java.util.Objects;
import java.util.function.Consumer;

/** A listener made of functions. */
final class FunctionListener implements Watch.Listener {
    private final Consumer<WatchResponse> onNext;
    private final Consumer<Throwable> onError;
    private final Runnable onCompleted;

    FunctionListener(
            Consumer<WatchResponse> onNext, Consumer<Throwable> onError, Runnable onCompleted) {
        this.onNext = Objects.requireNonNull(onNext);
        this.onError = Objects.requireNonNull(onError);
        this.onCompleted = Objects.requireNonNull(onCompleted);
    }

    @Override
    public void onNext(WatchResponse response) {
        onNext.accept(response);
    }

    @Override
    public void onError(Throwable throwable) {
        onError.accept(throwable);
    }

    @Override
    public void onCompleted() {
        onCompleted.run();
    }
}

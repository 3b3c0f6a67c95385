package io.etcdkit.grpc;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import javax.net.ssl.SSLException;

/**
 * Collects certificates, by the names of Netty's class of this name. Files and streams hold PEM;
 * the private key is not encrypted.
 */
public final class SslContextBuilder {
    private static final byte[] NOTHING = new byte[0];

    private byte[] trusted = NOTHING;
    private byte[] chain = NOTHING;
    private byte[] key = NOTHING;
    private boolean trustAll;

    private SslContextBuilder() {}

    /** {@return a builder that trusts the roots of the system and has no certificate of its own} */
    public static SslContextBuilder forClient() {
        return new SslContextBuilder();
    }

    /**
     * Trusts servers whose certificate is signed by one of these.
     *
     * @param certificates a file of certificates
     * @return this builder
     * @throws IllegalArgumentException if the file cannot be read
     */
    public SslContextBuilder trustManager(File certificates) {
        trusted = read(certificates);
        return this;
    }

    /**
     * Trusts servers whose certificate is signed by one of these.
     *
     * @param certificates certificates; read to the end, not closed
     * @return this builder
     * @throws IllegalArgumentException if they cannot be read
     */
    public SslContextBuilder trustManager(InputStream certificates) {
        trusted = read(certificates);
        return this;
    }

    /**
     * Trusts any server. For tests: whoever stands in between can read and change everything.
     *
     * @return this builder
     */
    public SslContextBuilder trustAnyServer() {
        trustAll = true;
        return this;
    }

    /**
     * Shows servers a certificate of the client.
     *
     * @param certificates a file with the certificate and those that sign it
     * @param privateKey a file with its private key
     * @return this builder
     * @throws IllegalArgumentException if a file cannot be read
     */
    public SslContextBuilder keyManager(File certificates, File privateKey) {
        chain = read(certificates);
        key = read(privateKey);
        return this;
    }

    /**
     * Shows servers a certificate of the client.
     *
     * @param certificates the certificate and those that sign it; read to the end, not closed
     * @param privateKey its private key; read to the end, not closed
     * @return this builder
     * @throws IllegalArgumentException if they cannot be read
     */
    public SslContextBuilder keyManager(InputStream certificates, InputStream privateKey) {
        chain = read(certificates);
        key = read(privateKey);
        return this;
    }

    /**
     * {@return the context}
     *
     * @throws SSLException never; declared for programs that catch it. What is wrong with a
     *     certificate is found by {@code ClientBuilder.build}.
     */
    public SslContext build() throws SSLException {
        return new SslContext(trusted, chain, key, trustAll);
    }

    private static byte[] read(File file) {
        try {
            return Files.readAllBytes(file.toPath());
        } catch (IOException error) {
            throw new IllegalArgumentException(
                    file + " cannot be read: " + error.getMessage(), error);
        }
    }

    private static byte[] read(InputStream stream) {
        try {
            return stream.readAllBytes();
        } catch (IOException error) {
            throw new IllegalArgumentException("cannot be read: " + error.getMessage(), error);
        }
    }
}

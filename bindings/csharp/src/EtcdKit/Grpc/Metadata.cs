using System;
using System.Collections;
using System.Collections.Generic;
using System.Text;

namespace EtcdKit.Grpc;

/// <summary>
/// Headers of a call. The core sends <c>token</c> or <c>authorization</c>: the call is then made as the user of that
/// token. Other headers mean nothing to an etcd server and are not sent.
/// </summary>
public sealed class Metadata : IList<Metadata.Entry>
{
    /// <summary>What the names of binary headers end with.</summary>
    public const string BinaryHeaderSuffix = "-bin";

    /// <summary>No headers. It cannot be changed.</summary>
    public static readonly Metadata Empty = new(readOnly: true);

    private readonly List<Entry> _entries = [];
    private readonly bool _readOnly;

    /// <summary>Makes an empty collection.</summary>
    public Metadata()
    {
    }

    private Metadata(bool readOnly) => _readOnly = readOnly;

    /// <inheritdoc/>
    public int Count => _entries.Count;

    /// <inheritdoc/>
    public bool IsReadOnly => _readOnly;

    /// <inheritdoc/>
    public Entry this[int index]
    {
        get => _entries[index];
        set => Writable()[index] = value ?? throw new ArgumentNullException(nameof(value));
    }

    /// <summary>The last entry with a name, or null.</summary>
    /// <param name="key">The name; case does not matter.</param>
    public Entry? Get(string key) =>
        _entries.FindLast(entry => string.Equals(entry.Key, key, StringComparison.OrdinalIgnoreCase));

    /// <summary>The value of the last entry with a name, or null.</summary>
    /// <param name="key">The name; case does not matter.</param>
    public string? GetValue(string key) => Get(key)?.Value;

    /// <summary>The value of the last binary entry with a name, or null.</summary>
    /// <param name="key">The name; case does not matter.</param>
    public byte[]? GetValueBytes(string key) => Get(key)?.ValueBytes;

    /// <summary>All entries with a name, in order.</summary>
    /// <param name="key">The name; case does not matter.</param>
    public IEnumerable<Entry> GetAll(string key) =>
        _entries.FindAll(entry => string.Equals(entry.Key, key, StringComparison.OrdinalIgnoreCase));

    /// <inheritdoc/>
    public void Add(Entry item) => Writable().Add(item ?? throw new ArgumentNullException(nameof(item)));

    /// <summary>Adds a text entry.</summary>
    /// <param name="key">The name.</param>
    /// <param name="value">The value.</param>
    public void Add(string key, string value) => Add(new Entry(key, value));

    /// <summary>Adds a binary entry; its name ends with <see cref="BinaryHeaderSuffix"/>.</summary>
    /// <param name="key">The name.</param>
    /// <param name="valueBytes">The value.</param>
    public void Add(string key, byte[] valueBytes) => Add(new Entry(key, valueBytes));

    /// <inheritdoc/>
    public void Insert(int index, Entry item) =>
        Writable().Insert(index, item ?? throw new ArgumentNullException(nameof(item)));

    /// <inheritdoc/>
    public bool Remove(Entry item) => Writable().Remove(item);

    /// <inheritdoc/>
    public void RemoveAt(int index) => Writable().RemoveAt(index);

    /// <inheritdoc/>
    public void Clear() => Writable().Clear();

    /// <inheritdoc/>
    public bool Contains(Entry item) => _entries.Contains(item);

    /// <inheritdoc/>
    public int IndexOf(Entry item) => _entries.IndexOf(item);

    /// <inheritdoc/>
    public void CopyTo(Entry[] array, int arrayIndex) => _entries.CopyTo(array, arrayIndex);

    /// <inheritdoc/>
    public IEnumerator<Entry> GetEnumerator() => _entries.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private List<Entry> Writable() =>
        _readOnly ? throw new InvalidOperationException("Metadata.Empty cannot be changed; make a new Metadata") : _entries;

    /// <summary>One header.</summary>
    public sealed class Entry
    {
        private readonly string? _text;
        private readonly byte[]? _bytes;

        /// <summary>Makes a text header.</summary>
        /// <param name="key">The name; it is kept in lower case.</param>
        /// <param name="value">The value.</param>
        public Entry(string key, string value)
        {
            Key = Normalized(key);
            _text = value ?? throw new ArgumentNullException(nameof(value));
        }

        /// <summary>Makes a binary header.</summary>
        /// <param name="key">The name, which ends with <see cref="BinaryHeaderSuffix"/>.</param>
        /// <param name="valueBytes">The value.</param>
        public Entry(string key, byte[] valueBytes)
        {
            Key = Normalized(key);
            if (!IsBinary) throw new ArgumentException($"the name of a binary header ends with {BinaryHeaderSuffix}", nameof(key));
            _bytes = (byte[])(valueBytes ?? throw new ArgumentNullException(nameof(valueBytes))).Clone();
        }

        /// <summary>The name, in lower case.</summary>
        public string Key { get; }

        /// <summary>The value of a text header.</summary>
        /// <exception cref="InvalidOperationException">The header is binary.</exception>
        public string Value => _text ?? throw new InvalidOperationException($"{Key} is a binary header: use ValueBytes");

        /// <summary>The value as bytes.</summary>
        public byte[] ValueBytes => _bytes is null ? Encoding.ASCII.GetBytes(_text!) : (byte[])_bytes.Clone();

        /// <summary>Whether the name is that of a binary header.</summary>
        public bool IsBinary => Key.EndsWith(BinaryHeaderSuffix, StringComparison.Ordinal);

        /// <inheritdoc/>
        public override string ToString() => _text is null ? $"[Entry: key={Key}]" : $"[Entry: key={Key}, value={_text}]";

        private static string Normalized(string key)
        {
            if (key is null) throw new ArgumentNullException(nameof(key));
            if (key.Length == 0) throw new ArgumentException("a header needs a name", nameof(key));
            return key.ToLowerInvariant();
        }
    }
}

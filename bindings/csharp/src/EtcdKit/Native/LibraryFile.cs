using System;
using System.Collections.Generic;
using System.IO;
using System.Runtime.InteropServices;

namespace EtcdKit.Native;

/// <summary>
/// Finds the native library. A package has one a platform in <c>runtimes/RID/native</c>; a published program has it
/// beside its assemblies; who builds the product names it in the environment.
/// </summary>
internal static class LibraryFile
{
    /// <summary>Path of the library, or of the folder it is in; looked at before all other places.</summary>
    internal const string Variable = "ETCDKIT_NATIVE";

    /// <summary>Loads the library, for the life of the process.</summary>
    internal static IntPtr Load()
    {
        var tried = new List<string>();
        foreach (var path in Candidates())
        {
            if (File.Exists(path)) return Open(path);
            tried.Add(path);
        }

        throw new DllNotFoundException(
            $"EtcdKit has no native library for {RuntimeIdentifier()}. Looked for: {string.Join(", ", tried)}. "
            + $"Use a package that has runtimes/{RuntimeIdentifier()}/native, or set {Variable} to the path of {FileName()}.");
    }

    /// <summary>Address of a function.</summary>
    internal static IntPtr Export(IntPtr library, string name)
    {
#if NET8_0_OR_GREATER
        if (NativeLibrary.TryGetExport(library, name, out var address)) return address;
#else
        var address = IsWindows() ? Windows.GetProcAddress(library, name) : Unix.Symbol(library, name);
        if (address != IntPtr.Zero) return address;
#endif
        throw new DllNotFoundException($"the native library of EtcdKit has no {name}: it belongs to another version");
    }

    /// <summary>What the platform is called in packages, such as <c>linux-x64</c>.</summary>
    internal static string RuntimeIdentifier()
    {
        var system = IsWindows() ? "win"
            : RuntimeInformation.IsOSPlatform(OSPlatform.OSX) ? "osx"
            : IsMusl() ? "linux-musl"
            : "linux";
        return $"{system}-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";
    }

    private static IEnumerable<string> Candidates()
    {
        var named = Environment.GetEnvironmentVariable(Variable);
        if (!string.IsNullOrEmpty(named))
        {
            yield return Directory.Exists(named) ? Path.Combine(named, FileName()) : Path.GetFullPath(named);
            yield break;
        }

        var inPackage = Path.Combine("runtimes", RuntimeIdentifier(), "native", FileName());
        foreach (var folder in Folders())
        {
            yield return Path.Combine(folder, FileName());
            yield return Path.Combine(folder, inPackage);
        }
    }

    private static IEnumerable<string> Folders()
    {
        yield return AppContext.BaseDirectory;
        // Empty in a single-file program.
#pragma warning disable IL3000
        var assembly = typeof(LibraryFile).Assembly.Location;
#pragma warning restore IL3000
        if (string.IsNullOrEmpty(assembly)) yield break;
        var folder = Path.GetDirectoryName(assembly)!;
        yield return folder;
        // In the packages folder, where `dotnet run` and scripts use assemblies from: lib/<framework>/EtcdKit.dll.
        yield return Path.GetFullPath(Path.Combine(folder, "..", ".."));
    }

    private static string FileName() =>
        IsWindows() ? "etcdkit_ffi.dll"
        : RuntimeInformation.IsOSPlatform(OSPlatform.OSX) ? "libetcdkit_ffi.dylib"
        : "libetcdkit_ffi.so";

    private static bool IsWindows() => RuntimeInformation.IsOSPlatform(OSPlatform.Windows);

    private static bool IsMusl()
    {
#if NET8_0_OR_GREATER
        return System.Runtime.InteropServices.RuntimeInformation.RuntimeIdentifier.Contains("musl");
#else
        return false;
#endif
    }

    private static IntPtr Open(string path)
    {
#if NET8_0_OR_GREATER
        return NativeLibrary.Load(path);
#else
        var library = IsWindows() ? Windows.LoadLibrary(path) : Unix.Open(path);
        if (library != IntPtr.Zero) return library;
        var reason = IsWindows() ? $"error {Marshal.GetLastWin32Error()}" : Unix.Error();
        throw new DllNotFoundException($"the native library of EtcdKit, {path}, cannot be loaded: {reason}");
#endif
    }

#if !NET8_0_OR_GREATER
    private static class Windows
    {
        [DllImport("kernel32", CharSet = CharSet.Unicode, EntryPoint = "LoadLibraryW", SetLastError = true)]
        internal static extern IntPtr LoadLibrary(string path);

        [DllImport("kernel32", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
        internal static extern IntPtr GetProcAddress(IntPtr library, string name);
    }

    private static class Unix
    {
        private const int Now = 2;

        // glibc before 2.34 has the loader's functions in libdl, musl and later glibc in libc, macOS in libSystem.
        private static readonly bool InLibdl = HasLibdl();

        internal static IntPtr Open(string path) => InLibdl ? Libdl.dlopen(path, Now) : Libc.dlopen(path, Now);

        internal static IntPtr Symbol(IntPtr library, string name) =>
            InLibdl ? Libdl.dlsym(library, name) : Libc.dlsym(library, name);

        internal static string Error() =>
            Marshal.PtrToStringAnsi(InLibdl ? Libdl.dlerror() : Libc.dlerror()) ?? "unknown reason";

        private static bool HasLibdl()
        {
            try
            {
                Libdl.dlerror();
                return true;
            }
            catch (DllNotFoundException)
            {
                return false;
            }
        }

        private static class Libdl
        {
            [DllImport("libdl.so.2", BestFitMapping = false, ThrowOnUnmappableChar = true)]
            internal static extern IntPtr dlopen(string path, int flags);

            [DllImport("libdl.so.2", BestFitMapping = false, ThrowOnUnmappableChar = true)]
            internal static extern IntPtr dlsym(IntPtr library, string name);

            [DllImport("libdl.so.2")]
            internal static extern IntPtr dlerror();
        }

        private static class Libc
        {
            [DllImport("libc", BestFitMapping = false, ThrowOnUnmappableChar = true)]
            internal static extern IntPtr dlopen(string path, int flags);

            [DllImport("libc", BestFitMapping = false, ThrowOnUnmappableChar = true)]
            internal static extern IntPtr dlsym(IntPtr library, string name);

            [DllImport("libc")]
            internal static extern IntPtr dlerror();
        }
    }
#endif
}

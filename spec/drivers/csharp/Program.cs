using System.Threading.Tasks;
using EtcdKit.SpecDriver;

// The driver of the behaviour spec for C#: lines in, calls of EtcdKit, lines out (spec/PROTOCOL.md).
var driver = new Driver();
while (await System.Console.In.ReadLineAsync() is { } text)
{
    if (text.Length > 0) _ = Task.Run(() => driver.ServeAsync(new Line(text)));
}

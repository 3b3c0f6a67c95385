#if !NET8_0_OR_GREATER
namespace System.Runtime.CompilerServices;

/// <summary>What the compiler asks for where a property can be set once; older frameworks lack it.</summary>
internal static class IsExternalInit;

/// <summary>What the compiler asks for to tell the text of an argument; older frameworks lack it.</summary>
[AttributeUsage(AttributeTargets.Parameter)]
internal sealed class CallerArgumentExpressionAttribute(string parameterName) : Attribute
{
    public string ParameterName { get; } = parameterName;
}
#endif
